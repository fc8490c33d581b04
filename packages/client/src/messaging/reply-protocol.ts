import type { MessageProperties } from '@setpoint/bus';
import type { Envelope } from '@setpoint/protocol';

/**
 * The CloudEvents types of the frames between requester and replier. Every frame has the id of the request as
 * `correlationid`. A frame of any other type is a plain reply.
 */
export const frameTypes = {
  /** One item of a stream; `sequence` counts from 0, `replyto` is where credit and cancel go. */
  item: 'setpoint.stream.item.v1',
  /** The stream is complete; `sequence` is the number of items. */
  end: 'setpoint.stream.end.v1',
  /** The replier has failed; data is `{ message }`. */
  error: 'setpoint.reply.error.v1',
  /** To the replier: items up to `{ upTo }`, not included, may be sent. */
  credit: 'setpoint.stream.credit.v1',
  /** To the replier: nobody reads the rest. */
  cancel: 'setpoint.stream.cancel.v1',
} as const;

/** Items that may be sent without being asked for; the requester has room for so many. */
export const streamWindow = 16;

export const isControl = ({ type }: Envelope): boolean => type === frameTypes.credit || type === frameTypes.cancel;

/** The MQTT 5 properties that repeat what the envelope of a request or reply says. */
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
    // Nobody waits for the reply after that.
    ...(timeoutMs !== undefined && { messageExpirySeconds: Math.ceil(timeoutMs / 1000) }),
  };
}
