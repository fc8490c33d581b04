import type { MessageProperties } from '@setpoint/bus';
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

/** The MQTT 5 properties that say of a question or an answer what its envelope says too. */
export function mirror(of: {
  responseTopic?: string;
  correlationData?: string;
  timeoutMs?: number;
}): MessageProperties {
  const { responseTopic, correlationData, timeoutMs } = of;
  return {
    contentType: 'application/cloudevents+json',
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
    // Nobody waits for the answer any more then.
    ...(timeoutMs !== undefined && { messageExpirySeconds: Math.ceil(timeoutMs / 1000) }),
  };
}
