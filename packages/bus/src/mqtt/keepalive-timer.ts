import type { IClientOptions } from 'mqtt';

/** What MQTT.js measures its silence towards the broker by. */
export const keepaliveTimer: NonNullable<IClientOptions['timerVariant']> = 'native';
