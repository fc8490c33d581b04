import type { Bus, Subscription } from '@setpoint/bus';
import { hangMs } from './hang.ts';

/** A message as any other client would read it: plain JSON. */
export interface SeenMessage {
  readonly topic: string;
  readonly text: string;
  readonly retained: boolean;
  /** The envelope; undefined where the text is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads the wire as any client would, without our types.
  readonly json: any;
}

export interface Watcher {
  readonly ready: Promise<void>;
  readonly messages: readonly SeenMessage[];
  readonly subscription: Subscription;
  /** Resolves with the first matching message, seen already or to come. Rejects after `timeoutMs` with the last ones seen. */
  until(wanted: (message: SeenMessage) => boolean, timeoutMs?: number): Promise<SeenMessage>;
  /** Forgets the messages seen so far. */
  clear(): void;
}

export function createWatcher(bus: Bus, filter: string): Watcher {
  let messages: SeenMessage[] = [];
  const waiting = new Set<() => void>();
  const subscription = bus.subscribe(filter, ({ topic, payload, retained }) => {
    const text = Buffer.from(payload).toString();
    messages.push({ topic, text, retained, json: parse(text) });
    for (const look of waiting) look();
  });
  return {
    subscription,
    ready: subscription.ready,
    get messages() {
      return messages;
    },
    clear() {
      messages = [];
    },
    until(wanted, timeoutMs = hangMs) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const found = messages.find(wanted);
          if (!found) return;
          end();
          resolve(found);
        };
        const timer = setTimeout(() => {
          end();
          const seen = messages.slice(-5).map(({ topic, text }) => `${topic} ${text.slice(0, 800)}`);
          reject(new Error(`nothing on ${filter} was as wanted within ${timeoutMs} ms; the last:\n${seen.join('\n')}`));
        }, timeoutMs);
        const end = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      });
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
