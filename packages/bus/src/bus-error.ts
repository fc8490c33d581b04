export type BusErrorCode =
  | 'message_too_large'
  | 'outbox_full'
  | 'publish_timeout'
  | 'publish_refused'
  | 'not_connected'
  | 'stopped'
  | 'topic_invalid'
  | 'options_invalid'
  | 'url_invalid'
  | 'tls_invalid';

/** A promise of the bus that could not be kept. `message` says what, why and what to do. */
export class BusError extends Error {
  override readonly name = 'BusError';
  readonly code: BusErrorCode;

  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One line for a human. Node's connection errors can have an empty message and only a code. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
