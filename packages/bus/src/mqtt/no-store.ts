import mqtt, { type IStore, type Packet } from 'mqtt';

/**
 * An outgoing store that keeps nothing. What MQTT.js finds in its own one after a reconnect it sends before anything
 * else, subscriptions included, and if the broker hangs up on it, so for ever; and it is not emptied by all that empties
 * the list of callbacks. Our outbox has the messages and decides about them.
 */
export function createNoStore(): IStore {
  const store: IStore = {
    put(_packet, stored) {
      stored();
      return store;
    },
    createStream() {
      return new mqtt.Store().createStream();
    },
    del(packet, deleted) {
      deleted(undefined, packet as Packet);
      return store;
    },
    get(_packet, found) {
      found(new Error('nothing is kept'));
      return store;
    },
    close(closed) {
      closed();
    },
  };
  return store;
}
