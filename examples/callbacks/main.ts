import { connect, type ParticipantConnection } from '@setpoint/client';

interface Callbacks {
  onConnect?(session: number): void;
  onDisconnect?(reason: string): void;
  onMessage?(topic: string, data: object): void;
}

/** Offers a connection as callbacks. Returns a function that removes them. */
function listen(connection: ParticipantConnection, filter: string, callbacks: Callbacks): () => Promise<void> {
  const { bus, messenger } = connection;
  if (bus.status.kind === 'connected') callbacks.onConnect?.(bus.status.session);
  const endStatus = bus.onStatus((status) => {
    if (status.kind === 'connected') callbacks.onConnect?.(status.session);
    if (status.kind === 'reconnecting' && status.attempt === 0) callbacks.onDisconnect?.(status.reason);
  });
  const subscription = messenger.subscribe(filter, ({ data }, topic) => callbacks.onMessage?.(topic, data));
  return () => {
    endStatus();
    return subscription.close();
  };
}

await using connection = await connect({ service: 'doorbell', environment: process.env });
const isBack = Promise.withResolvers<void>();
const hasRung = Promise.withResolvers<void>();
const end = listen(connection, 'door/+/bell', {
  onConnect(session) {
    console.log(`connected, session ${session}`);
    if (session === 2) isBack.resolve();
  },
  onDisconnect: (reason) => console.log(`disconnected: ${reason}`),
  onMessage(topic, data) {
    console.log(`${topic} ${JSON.stringify(data)}`);
    hasRung.resolve();
  },
});

// `connect` may have resolved without the broker; this waits for the connection.
await connection.bus.start();
connection.bus.reconnect('to see what happens');
await isBack.promise;
// Retained, so that it also reaches whoever subscribes later.
await connection.messenger.publish('door/front/bell', { rings: 2 }, { retain: true });
await hasRung.promise;
await end();
