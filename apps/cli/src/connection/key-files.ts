import {
  createKeyRing,
  createSigner,
  type KeyRing,
  parseSigningKey,
  parseTrustedKeys,
  SetpointError,
  type Signer,
} from '@setpoint/protocol';
import { readTextFile } from '../input/text-file.ts';

/** @throws CommandError usage; SetpointError `key_malformed` */
export const readSigner = async (file: string): Promise<Signer> =>
  parseKeyFile(file, await readTextFile(file), (json) => createSigner(parseSigningKey(json)));

/** @throws CommandError usage; SetpointError `key_malformed` */
export const readKeyRing = async (file: string): Promise<KeyRing> =>
  parseKeyFile(file, await readTextFile(file), (json) => createKeyRing(parseTrustedKeys(json)));

/** Nothing of the text is repeated in an error: it may be a private key. */
function parseKeyFile<T>(file: string, text: string, parse: (json: unknown) => T): T {
  try {
    return parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof SetpointError ? cause.message : 'it is not JSON';
    throw new SetpointError('key_malformed', `${file} is no key file: ${why}`);
  }
}
