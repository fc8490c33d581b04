/** The number of bytes, for a text in UTF-8. */
export const byteLengthOf: (text: string | Uint8Array) => number = Buffer.byteLength;

export const toUtf8 = (text: string): Uint8Array => Buffer.from(text);

/** The same bytes; MQTT.js measures and writes anything but a Buffer as text. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
