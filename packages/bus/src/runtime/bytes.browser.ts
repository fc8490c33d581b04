const encoder = new TextEncoder();

/** The number of bytes, for a text in UTF-8. */
export const byteLengthOf = (text: string | Uint8Array): number =>
  typeof text === 'string' ? encoder.encode(text).length : text.byteLength;

export const toUtf8 = (text: string): Uint8Array => encoder.encode(text);

/** The same bytes: the Buffer that the browser build of MQTT.js brings along takes every Uint8Array for one of its own. */
export const asBuffer = (bytes: Uint8Array): Buffer => bytes as Buffer;
