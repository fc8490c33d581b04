import type { Engine, Identity } from '@setpoint/engine';
import type { Tracing } from '@setpoint/participant';
import type { Request, Result } from '@setpoint/protocol';

/** Performs requests, each in the trace of its requester. */
export interface TracedRequests {
  /** Has the engine decide a request; `traceparent` is its cause, in W3C Trace Context. */
  perform(request: Request, requestId: string, identity: Identity, traceparent?: string): Promise<Result>;
  /** The trace of a request that is under way, for the version that it makes. */
  traceOf(requestId: string | undefined): string | undefined;
}

export function createTracedRequests(engine: Engine, tracing: Tracing): TracedRequests {
  const traces = new Map<string, string>();

  async function during<T>(requestId: string, traceparent: string | undefined, work: () => Promise<T>): Promise<T> {
    // The same request may be under way already; the version it makes belongs to the first trace.
    if (traceparent === undefined || traces.has(requestId)) return work();
    traces.set(requestId, traceparent);
    try {
      return await work();
    } finally {
      traces.delete(requestId);
    }
  }

  return {
    async perform(request, requestId, identity, parent) {
      const attributes = { 'setpoint.service': request.service, 'setpoint.operation': request.op };
      const span = tracing.start('setpoint.decide', { kind: 'server', parent, attributes });
      try {
        const result = await during(requestId, span.traceparent, () => engine.request(request, requestId, identity));
        span.end({ attributes: { 'setpoint.status': result.status, 'setpoint.version': result.version } });
        return result;
      } catch (cause) {
        span.end({ error: cause as Error });
        throw cause;
      }
    },
    traceOf: (requestId) => (requestId === undefined ? undefined : traces.get(requestId)),
  };
}
