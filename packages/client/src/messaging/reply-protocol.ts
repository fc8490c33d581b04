import type { Envelope } from '@setpoint/protocol';

/**
 * The CloudEvents types of what goes between one who asks and one who replies. Every frame has the question's id as
 * `correlationid`. An answer of any other type is a plain one.
 */
export const frameTypes = {
  /** One item of a stream; `sequence` counts from 0, `replyto` is where credit and cancel go. */
  item: 'setpoint.stream.item.v1',
  /** The stream is complete; `sequence` is the number of items. */
  end: 'setpoint.stream.end.v1',
  /** The one who replies has failed; data is `{ message }`. */
  error: 'setpoint.reply.error.v1',
  /** To the one who replies: items up to `{ upTo }`, not included, may be sent. */
  credit: 'setpoint.stream.credit.v1',
  /** To the one who replies: nobody wants the rest. */
  cancel: 'setpoint.stream.cancel.v1',
} as const;

/** Items that may be under way without being asked for: what the one who asks has to have room for. */
export const streamWindow = 16;

export const isControl = ({ type }: Envelope): boolean => type === frameTypes.credit || type === frameTypes.cancel;
