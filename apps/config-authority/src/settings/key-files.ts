import { randomUUID } from 'node:crypto';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
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
import { readRegularFile } from '../regular-file.ts';

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
 * @throws SetpointError `key_malformed` for a file that is not a key, is readable by others, or is missing beside what it has
 * signed; `store_unavailable` where one can't be written
 */
export async function openAuthorityKeys(
  dataDir: string,
  { allowsNewKey = false }: { readonly allowsNewKey?: boolean } = {},
): Promise<AuthorityKeys> {
  const keyFile = join(dataDir, 'signing-key.json');
  const trustedKeysFile = join(dataDir, 'trusted-keys.json');
  const mode = await modeOf(keyFile);
  if (mode === undefined && !allowsNewKey) await refuseLostKey(dataDir, keyFile);
  if (mode !== undefined && (mode & 0o077) !== 0 && process.platform !== 'win32') {
    const detail = `${keyFile} can be read by others (mode ${(mode & 0o777).toString(8)}); run chmod 600 ${keyFile}`;
    throw new SetpointError('key_malformed', detail);
  }
  const key = parseSigningKey(await readJson(keyFile, () => createSigningKey()));
  const signer = openSigner(key, keyFile);
  const trusted = { keys: [trustedKeyOf(key, 'authority')] };
  await replaceFile(trustedKeysFile, toText(trusted), 0o644);
  return { signer, own: createKeyRing(trusted), trustedKeysFile };
}

/** The permissions of a file; undefined where there is none. */
const modeOf = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ mode }) => mode,
    () => undefined,
  );

/** A new key in the place of a lost one would make every service refuse what it gets, without a word. */
async function refuseLostKey(dataDir: string, keyFile: string): Promise<void> {
  for (const name of ['setpoint.db', 'trusted-keys.json']) {
    if ((await modeOf(join(dataDir, name))) === undefined) continue;
    const detail =
      `${keyFile} is missing, and ${name} beside it says that there was one: services trust nothing else. Put it back from a ` +
      'backup, or set SETPOINT_NEW_KEY=true for one start and hand the new trusted-keys.json to all services';
    throw new SetpointError('key_malformed', detail);
  }
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
  const text = await readRegularFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' && make) return undefined;
    throw new SetpointError('key_malformed', `${file} can't be read: ${cause.message}`, { cause });
  });
  if (text !== undefined) return parseJson(text, file);
  const made = make?.();
  await writeNew(file, toText(made), 0o600);
  return made;
}

const toText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Leaves a file alone that says so already: it can be whole on a disk that has no room for another one. */
async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  if ((await readRegularFile(file).catch(() => undefined)) === text) return;
  const draft = `${file}.${randomUUID()}`;
  await writeNew(draft, text, mode);
  await rename(draft, file);
}

/** The whole file, or none: half a key would be refused by the next start. */
async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { mode, flag: 'wx', flush: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code !== 'EEXIST') await rm(file, { force: true }).catch(() => undefined);
    const cure = 'this process must be allowed to write to its folder, and the disk must have room';
    throw new SetpointError('store_unavailable', `${file} could not be written (${message}): ${cure}`, { cause });
  }
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
