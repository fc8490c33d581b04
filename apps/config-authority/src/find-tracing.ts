import { type Tracing, untraced } from '@setpoint/client';

/**
 * Tracing by OpenTelemetry where its API is installed. What is recorded, and where it goes, is for the SDK that the
 * process was started with (`node --import`); without one traces pass through.
 */
export async function findTracing(): Promise<Tracing> {
  try {
    const { openTelemetry } = await import('@setpoint/client/opentelemetry');
    return openTelemetry();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return untraced;
    throw cause;
  }
}
