import type { Engine, Identity } from '@setpoint/engine';
import type { Tracing } from '@setpoint/participant';
import type { Request, Result } from '@setpoint/protocol';

/** Requests, carried out each in the trace of who asked. */
export interface TracedRequests {
  /** Has the engine carry out a request; `traceparent` is what caused it, in W3C Trace Context. */
  carryOut(request: Request, requestId: string, identity: Identity, traceparent?: string): Promise<Result>;
  /** For what a request changed: its trace, while it is under way. */
  traceOf(requestId: string | undefined): string | undefined;
}

export function createTracedRequests(engine: Engine, tracing: Tracing): TracedRequests {
  const traces = new Map<string, string>();

  async function during<T>(requestId: string, traceparent: string | undefined, work: () => Promise<T>): Promise<T> {
    // The same request may be under way already: what it changes was caused by the first.
    if (traceparent === undefined || traces.has(requestId)) return work();
    traces.set(requestId, traceparent);
    try {
      return await work();
    } finally {
      traces.delete(requestId);
    }
  }

  return {
    async carryOut(request, requestId, identity, parent) {
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
