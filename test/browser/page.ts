import { ChangeRefused, type Connection, type ConnectOptions, connect } from '@setpoint/client';
import { type Service, sttSchema } from '@setpoint/test-support/stt-service';

/** What crosses from a test to its page. */
export type PageOptions = Omit<ConnectOptions<typeof sttSchema>, 'schema' | 'url'> & { readonly url: string };

/** What a test finds on its page, as `setpoint`. */
export interface OnPage {
  readonly ChangeRefused: typeof ChangeRefused;
  readonly connect: typeof connect;
  readonly sttSchema: typeof sttSchema;
  /** The one that `open` opened. */
  connection: Connection<Service>;
  /** What the handlers of the page were told. */
  readonly told: string[];
  open(options: PageOptions, schema?: typeof sttSchema): Promise<void>;
}

declare global {
  var setpoint: OnPage;
}

globalThis.setpoint = {
  ChangeRefused,
  connect,
  sttSchema,
  connection: undefined as never,
  told: [],
  async open(options, schema = sttSchema) {
    this.connection = await connect({ schema, ...options });
    this.connection.on('/vad/threshold', ({ value, previousValue, version }) => {
      this.told.push(`/vad/threshold ${previousValue} → ${value}, version ${version}`);
    });
  },
};
