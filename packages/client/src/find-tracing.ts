import { guardTracing, type Tracing, untraced } from './tracing.ts';

/**
 * Tracing by OpenTelemetry for programs that users start and don't write: where the process was started with an SDK
 * (`node --import`), which says what is recorded and where it goes. Without one, or where the API is not installed,
 * traces pass through.
 */
export async function findTracing(): Promise<Tracing> {
  // To load the API takes longer than all else that a short command does before it connects.
  if (!hasSdk()) return untraced;
  try {
    const { openTelemetry } = await import('./opentelemetry.ts');
    return guardTracing(openTelemetry());
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return untraced;
    throw cause;
  }
}

/** Every copy of the API finds what an SDK has registered by a symbol with its major version. */
const hasSdk = (): boolean =>
  Object.getOwnPropertySymbols(globalThis).some(({ description }) => description?.startsWith('opentelemetry.js.api.'));
