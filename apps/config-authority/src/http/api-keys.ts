import { createHash, timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { parseYamlFile } from '@setpoint/engine';
import { formatPointer, isName, SetpointError } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { z } from 'zod';
import { readRegularFile } from '../regular-file.ts';

/** One who may ask over HTTP. */
export interface ApiKey {
  /** The operator it speaks for. */
  readonly name: string;
  readonly mayWrite: boolean;
  /** Services it may look at and change: names, `*` in them for any characters; undefined: all. */
  readonly services: readonly string[] | undefined;
  /** Unix time in milliseconds. */
  readonly expiresAt: number | undefined;
}

export interface ApiKeys {
  /** The key that a token is of; undefined where it is of none. An expired key is still found. */
  find(token: string): Promise<ApiKey | undefined>;
}

interface StoredKey extends ApiKey {
  readonly hash: Buffer;
}

const keyShape = z.strictObject({
  name: z.string().refine(isName, { error: 'must be a name of a–z, 0–9, "_", "-"' }),
  sha256: z.string().regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the token as 64 hexadecimal digits'),
  services: z
    .array(z.string().regex(/^[a-z0-9_*-]{1,63}$/, 'must be the name of a service, or a pattern with "*"'))
    .exactOptional(),
  write: z.boolean().default(false),
  expiresAt: z.iso.datetime({ offset: true, error: 'must be RFC 3339' }).exactOptional(),
});

const fileShape = z
  .strictObject({ keys: z.array(keyShape).min(1, 'must have a key') })
  .refine(({ keys }) => new Set(keys.map(({ sha256 }) => sha256.toLowerCase())).size === keys.length, {
    error: 'has one token twice',
  });

/** The file is looked at again at most this often. Milliseconds. */
const lookAgainMs = 1000;

export interface ApiKeysOptions {
  readonly file: string;
  readonly logger: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/**
 * Reads the keys of the HTTP API, and again when their file has changed; one that can't be read by then is told to
 * the log, and the keys of before stay.
 * @throws SetpointError `key_malformed` for a file that can't be read, with all that is wrong
 */
export async function openApiKeys({ file, logger, now }: ApiKeysOptions): Promise<ApiKeys> {
  let keys = await readKeys(file);
  let seen = await lookAt(file);
  let lookedAt = now();

  async function lookAgain(): Promise<void> {
    if (now() - lookedAt < lookAgainMs) return;
    lookedAt = now();
    const seenNow = await lookAt(file);
    if (seenNow === seen) return;
    seen = seenNow;
    try {
      keys = await readKeys(file);
      logger.info({ keys: keys.map(({ name }) => name) }, 'the keys of the HTTP API were read again');
    } catch (cause) {
      logger.error({ err: cause }, 'the keys of the HTTP API could not be read again; those of before stay');
    }
  }

  return {
    async find(token) {
      await lookAgain();
      const hash = createHash('sha256').update(token).digest();
      // Every key is compared, and each whole, so that the time tells nothing.
      return keys.filter((key) => timingSafeEqual(key.hash, hash)).at(0);
    },
  };
}

const lookAt = (file: string): Promise<string> =>
  stat(file).then(
    ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
    () => 'gone',
  );

async function readKeys(file: string): Promise<readonly StoredKey[]> {
  const text = await readRegularFile(file).catch((cause: Error) => {
    throw new SetpointError('key_malformed', `${file} can't be read: ${cause.message}`, { cause });
  });
  const parsed = parseYamlFile(text, file);
  if (parsed.kind === 'faults')
    throw refuseFile(
      file,
      parsed.faults.map(({ message, line }) => `line ${line} ${message}`),
    );
  const { success, data, error } = fileShape.safeParse(parsed.layer.document);
  if (!success) {
    throw refuseFile(
      file,
      error.issues.map(({ path, message }) => `${formatPointer(path.map(String))} ${message}`),
    );
  }
  return data.keys.map(({ name, sha256, services, write, expiresAt }) => ({
    name,
    hash: Buffer.from(sha256, 'hex'),
    services,
    mayWrite: write,
    expiresAt: expiresAt === undefined ? undefined : Date.parse(expiresAt),
  }));
}

const refuseFile = (file: string, faults: readonly string[]): SetpointError =>
  new SetpointError(
    'key_malformed',
    `${file} holds no keys of the HTTP API: ${faults.join('; ')}; write keys: [{ name: <operator>, sha256: <hex> }]`,
  );
