import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createKeyRing,
  createSigner,
  createSigningKey,
  type KeyRing,
  parseSigningKey,
  parseTrustedKeys,
  SetpointError,
  type Signer,
  type SigningKey,
  trustedKeyOf,
} from '@setpoint/protocol';

export interface AuthorityKeys {
  readonly signer: Signer;
  /** Believes what this authority signed. */
  readonly own: KeyRing;
  /** The file to hand to services: the public key, as a JWK set. */
  readonly trustedKeysFile: string;
}

/**
 * Reads the authority's signing key, or makes one at the first start. The private half is readable by its owner
 * alone; the public half lies beside it, to be handed to services and operators.
 * @throws SetpointError `key_malformed` for a file that is not a key
 */
export async function openAuthorityKeys(dataDir: string): Promise<AuthorityKeys> {
  const keyFile = join(dataDir, 'signing-key.json');
  const trustedKeysFile = join(dataDir, 'trusted-keys.json');
  const key = parseSigningKey(await readJson(keyFile, () => createSigningKey()));
  const signer = openSigner(key, keyFile);
  const trusted = { keys: [trustedKeyOf(key, 'authority')] };
  await writeFile(trustedKeysFile, `${JSON.stringify(trusted, null, 2)}\n`, { mode: 0o644 });
  return { signer, own: createKeyRing(trusted), trustedKeysFile };
}

/** Its two halves may not belong together; no error of the library is repeated. */
function openSigner(key: SigningKey, file: string): Signer {
  try {
    return createSigner(key);
  } catch {
    throw new SetpointError(
      'key_malformed',
      `${file} is not a key: its halves do not belong together; put the right file back, or remove it to get a new key`,
    );
  }
}

/** @throws SetpointError `key_malformed` */
export async function readOperatorKeys(file: string): Promise<KeyRing> {
  return createKeyRing(parseTrustedKeys(await readJson(file)));
}

async function readJson(file: string, make?: () => object): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && make) return undefined;
    throw new SetpointError('key_malformed', `${file} can't be read: ${cause.message}`, { cause });
  });
  if (text !== undefined) return parseJson(text, file);
  const made = make?.();
  await writeFile(file, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  return made;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SetpointError(
      'key_malformed',
      `${file} is not JSON; put the right file back, or remove it to get a new key`,
    );
  }
}
