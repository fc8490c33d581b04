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

export interface BusErrorOptions extends ErrorOptions {
  readonly maybeSent?: boolean;
}

/**
 * What a bus rejects with. `code` says what happened, `message` what, why and what to do.
 * @example
 * await bus.publish('lamp/hall/state', 'on').catch((error) => {
 *   if (error instanceof BusError && error.code === 'publish_timeout') return;
 *   throw error;
 * });
 */
export class BusError extends Error {
  override readonly name = 'BusError';
  readonly code: BusErrorCode;
  /** Of `publish_timeout`: whether the message was on its way to the broker, and may arrive nevertheless. */
  readonly maybeSent: boolean | undefined;

  constructor(code: BusErrorCode, message: string, { maybeSent, ...options }: BusErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.maybeSent = maybeSent;
  }
}

/** One line for a person. Connection errors of Node can have an empty message and only a code. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
