/** A message that waits for its handler, as it came. */
export interface WaitingMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export type QueuePolicy = 'drop-oldest' | 'latest-per-topic' | 'back-pressure';

export interface QueueLimits {
  readonly policy: QueuePolicy;
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** What became of a message, and of the messages that made room for it. */
export interface Put {
  readonly replaced: boolean;
  readonly dropped: number;
}

/**
 * The messages that wait for one handler: at most `maxMessages`, and at most `maxBytes` of payload (one that is larger
 * than that waits alone). Pure: it calls no handler.
 */
export interface MessageQueue {
  readonly size: number;
  /** Of the payloads. */
  readonly bytes: number;
  /** Whether the next message, if it is as large as the last one, would push another one out. */
  readonly isFull: boolean;
  put(message: WaitingMessage): Put;
  /** Takes the oldest. */
  take(): WaitingMessage | undefined;
  /** Drops all messages; returns how many. */
  clear(): number;
}

export function createMessageQueue({ policy, maxMessages, maxBytes }: QueueLimits): MessageQueue {
  const line = policy === 'latest-per-topic' ? createTopicLine() : createLine();
  let bytes = 0;
  let lastBytes = 0;

  function take(): WaitingMessage | undefined {
    const message = line.take();
    if (message) bytes -= message.payload.byteLength;
    return message;
  }

  return {
    get size() {
      return line.size;
    },
    get bytes() {
      return bytes;
    },
    get isFull() {
      return line.size >= maxMessages || (line.size > 0 && bytes + lastBytes > maxBytes);
    },
    put(message) {
      const before = line.put(message);
      lastBytes = message.payload.byteLength;
      bytes += lastBytes - (before?.payload.byteLength ?? 0);
      let dropped = 0;
      while (line.size > maxMessages || (bytes > maxBytes && line.size > 1)) {
        take();
        dropped += 1;
      }
      return { replaced: before !== undefined, dropped };
    },
    take,
    clear() {
      const { size } = line;
      while (take());
      return size;
    },
  };
}

interface Line {
  readonly size: number;
  /** Returns the message that it replaces. */
  put(message: WaitingMessage): WaitingMessage | undefined;
  take(): WaitingMessage | undefined;
}

/** In the order of arrival. */
function createLine(): Line {
  let messages: (WaitingMessage | undefined)[] = [];
  let head = 0;
  return {
    get size() {
      return messages.length - head;
    },
    put(message) {
      messages.push(message);
      return undefined;
    },
    take() {
      const message = messages[head];
      if (!message) return undefined;
      messages[head] = undefined;
      head += 1;
      // Places are given back in strides, so that taking a message costs the same at any length.
      if (head >= 64 && head * 2 > messages.length) {
        messages = messages.slice(head);
        head = 0;
      }
      return message;
    },
  };
}

const nothing = new Uint8Array();

/** A newer message takes the place of the older one of its topic. */
function createTopicLine(): Line {
  const messages = new Map<string, WaitingMessage>();
  const topics = createLine();
  return {
    get size() {
      return messages.size;
    },
    put(message) {
      const before = messages.get(message.topic);
      messages.set(message.topic, message);
      // The line needs the topic alone; the message that opened it may be replaced, and must not stay.
      if (!before) topics.put({ topic: message.topic, payload: nothing });
      return before;
    },
    take() {
      const first = topics.take();
      if (!first) return undefined;
      const message = messages.get(first.topic);
      messages.delete(first.topic);
      return message;
    },
  };
}
