import { guardTracing, type Tracing, untraced } from './tracing.ts';

/**
 * Returns OpenTelemetry tracing when the process was started with an OpenTelemetry SDK (`node --import …`), which
 * decides what is recorded and where it goes; otherwise `untraced`. For programs that users start and don't write.
 *
 * @example
 * const tracing = await findTracing();
 */
export async function findTracing(): Promise<Tracing> {
  // Loading the API takes longer than everything else that a short command does before it connects.
  if (!hasSdk()) return untraced;
  try {
    const { openTelemetry } = await import('./opentelemetry.ts');
    return guardTracing(openTelemetry());
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND') return untraced;
    throw cause;
  }
}

/** Every copy of the OpenTelemetry API finds a registered SDK by a global symbol that names its major version. */
const hasSdk = (): boolean =>
  Object.getOwnPropertySymbols(globalThis).some(({ description }) => description?.startsWith('opentelemetry.js.api.'));
