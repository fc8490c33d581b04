import type { IClientOptions } from 'mqtt';

/** The timer by which MQTT.js decides when to send a ping. */
export const keepaliveTimer: NonNullable<IClientOptions['timerVariant']> = 'native';
