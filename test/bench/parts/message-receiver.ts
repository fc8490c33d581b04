import { defineTopic } from '@setpoint/client';
import { openMessenger } from '../harness/open-messenger.ts';
import { servePart } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';
import { readingSchema } from '../harness/readings.ts';

export interface MessageReceiverPart {
  readonly kind: 'plain' | 'plain with zod' | 'setpoint';
  readonly url: string;
  /** The first level of the topics. */
  readonly root: string;
  readonly qos: 0 | 1;
}

// Takes messages as fast as they come, with a handler that does next to nothing.

const stack = new AsyncDisposableStack();
let expected = 0;
let count = 0;
let firstAt = 0;
let sum = 0;
let done = Promise.withResolvers<number>();
/** What says why some did not come. */
let describe = (): unknown => undefined;

function handle({ value }: { readonly value: number }): void {
  if (count === 0) firstAt = performance.now();
  count += 1;
  sum += value;
  if (count === expected) done.resolve((count - 1) / ((performance.now() - firstAt) / 1000));
}

async function openPlain({ kind, url, root, qos }: MessageReceiverPart): Promise<void> {
  const client = await connectPlain(url);
  stack.defer(() => client.endAsync(true));
  client.on('message', (_, payload) => {
    const { data } = JSON.parse(payload.toString());
    handle(kind === 'plain' ? data : readingSchema.parse(data));
  });
  await client.subscribeAsync(`${root}/+/reading`, { qos });
}

async function openSetpoint({ url, root, qos }: MessageReceiverPart): Promise<void> {
  const messenger = await openMessenger(stack, url);
  const topic = defineTopic(`${root}/{sensor}/reading`, readingSchema);
  const subscription = topic.subscribe(messenger, handle, { qos });
  await subscription.ready;
  describe = () => subscription.stats();
}

servePart({
  open: (part: MessageReceiverPart) => (part.kind === 'setpoint' ? openSetpoint(part) : openPlain(part)),
  /** Resolves with the messages a second when so many have been handled. */
  receive: (messages: number) => {
    [expected, count, done] = [messages, 0, Promise.withResolvers<number>()];
    setTimeout(
      (of) => of.reject(new Error(`${count} of ${expected} came: ${JSON.stringify(describe())}`)),
      30_000,
      done,
    ).unref();
    return done.promise;
  },
  /** So that no value is left unread. */
  sum: () => sum,
  close: () => stack.disposeAsync(),
});
