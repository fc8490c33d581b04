import { isKeyFor, type Request } from '@setpoint/protocol';

/** Who a request comes from, as far as it is known. */
export interface Identity {
  /** The last part of the envelope's source. */
  readonly requester: string;
  /** Set where the request was signed by a key that is trusted. */
  readonly signedBy?:
    | {
        readonly keyId: string;
        readonly operator?: string | undefined;
        /** The services that the key may speak for, as patterns. @default all */
        readonly services?: readonly string[];
      }
    | undefined;
}

/**
 * Says why a request is not allowed, or undefined. Without keys the broker decides who may publish requests, and a
 * request is only asked to speak with one name; with keys that name must be the one the key is bound to.
 * @see docs/protocol.md#5-request-and-result
 */
export function authorise({ requester, signedBy }: Identity, request: Pick<Request, 'author'>): string | undefined {
  if (request.author !== requester) {
    return `the request comes from ${requester} and names ${request.author} as its author; they must be the same`;
  }
  if (signedBy?.operator !== undefined && signedBy.operator !== requester) {
    return `key ${signedBy.keyId} belongs to ${signedBy.operator}, the request comes from ${requester}`;
  }
  return undefined;
}

/** Whether the requester may see this service in an answer about all of them. A request about one service was judged by its topic before. */
export const mayRead = ({ signedBy }: Identity, service: string): boolean =>
  signedBy === undefined || isKeyFor(signedBy, service);
