import mqtt, { type IStore, type Packet } from 'mqtt';

/**
 * An outgoing store that keeps nothing. After a reconnect MQTT.js sends what it finds in its own store before anything
 * else, subscriptions included, and again for ever if the broker hangs up on it; and not everything that empties the list
 * of callbacks empties the store. The publish queue has the messages and decides about them.
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
