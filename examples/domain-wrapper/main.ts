import { type Connection, connect, defineTopic } from '@setpoint/client';
import { z } from 'zod';

const settings = z.object({ brightness: z.number().min(0).max(1).default(0.8) });
const lampState = defineTopic('lamp/{room}/state', z.object({ brightness: z.number() }), { retain: true });

/** All that the rest of the program sees of lamps: rooms and brightness, without topics, schemas or a connection. */
class Lamps implements AsyncDisposable {
  readonly #connection: Connection<z.output<typeof settings>>;

  private constructor(connection: Connection<z.output<typeof settings>>) {
    this.#connection = connection;
  }

  static async open(): Promise<Lamps> {
    const options = { service: 'lamps', schema: settings, environment: process.env, startTimeoutMs: 500 };
    return new Lamps(await connect(options));
  }

  /** Turns a lamp on, as bright as the configuration says at this moment. */
  async switchOn(room: string): Promise<void> {
    const { brightness } = this.#connection.current;
    const { status } = await lampState.publish(this.#connection.messenger, { room }, { brightness });
    if (status === 'dropped' || status === 'expired') throw new Error(`the lamp in the ${room} was not switched on`);
  }

  /** Resolves when the subscription is in place, so that no message is missed from then on. */
  async onSwitched(handler: (room: string, brightness: number) => void): Promise<void> {
    const { messenger } = this.#connection;
    await lampState.subscribe(messenger, ({ brightness }, { params }) => handler(params.room, brightness)).ready;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.stop();
  }
}

await using lamps = await Lamps.open();
const bothAreOn = Promise.withResolvers<void>();
const rooms = new Set<string>();
await lamps.onSwitched((room, brightness) => {
  console.log(`the lamp in the ${room} is on at ${brightness}`);
  if (rooms.add(room).size === 2) bothAreOn.resolve();
});
await lamps.switchOn('hall');
await lamps.switchOn('kitchen');
await bothAreOn.promise;
