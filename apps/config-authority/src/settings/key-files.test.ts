import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSigningKey, trustedKeyOf } from '@setpoint/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthorityKeys, readOperatorKeys } from './key-files.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'setpoint-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const file = (name: string): string => join(directory, name);

describe('the keys of the authority', () => {
  it('are created at the first start, with the private key readable by its owner only', async () => {
    const { signer, own, trustedKeysFile } = await openAuthorityKeys(directory);
    expect(trustedKeysFile).toBe(file('trusted-keys.json'));
    expect((await stat(file('signing-key.json'))).mode & 0o777).toBe(0o600);
    const trusted = JSON.parse(await readFile(trustedKeysFile, 'utf8'));
    expect(trusted).toEqual({
      keys: [{ kty: 'OKP', crv: 'Ed25519', x: expect.any(String), kid: signer.keyId, role: 'authority' }],
    });
    const signed = Buffer.from('a snapshot');
    const check = { keyId: signer.keyId, signed, signature: signer.sign(signed), now: 0 };
    expect(own.verify({ ...check, role: 'authority' }).kid).toBe(signer.keyId);
    expect(() => own.verify({ ...check, role: 'operator' })).toThrow(
      expect.objectContaining({ code: 'key_not_allowed' }),
    );
  });

  it.each(['setpoint.db', 'trusted-keys.json'])(
    'Isolation-45-Lost-Key: are not made anew beside %s without being asked',
    async (name) => {
      await writeFile(file(name), '{}');
      await expect(openAuthorityKeys(directory)).rejects.toMatchObject({
        code: 'key_malformed',
        message: expect.stringMatching(/signing-key\.json is missing.*SETPOINT_NEW_KEY=true/),
      });
      expect(await readdir(directory)).toEqual([name]);
      expect((await openAuthorityKeys(directory, { allowsNewKey: true })).signer.keyId).toBeDefined();
    },
  );

  it.skipIf(process.platform === 'win32')(
    'Isolation-45-Lost-Key: are refused when others can read the private one',
    async () => {
      await openAuthorityKeys(directory);
      await chmod(file('signing-key.json'), 0o644);
      await expect(openAuthorityKeys(directory)).rejects.toMatchObject({
        message: expect.stringMatching(/can be read by others \(mode 644\); run chmod 600/),
      });
    },
  );

  it('are the same at the next start', async () => {
    const first = await openAuthorityKeys(directory);
    await rm(first.trustedKeysFile);
    const second = await openAuthorityKeys(directory);
    expect(second.signer.keyId).toBe(first.signer.keyId);
    expect(await readFile(second.trustedKeysFile, 'utf8')).toContain(first.signer.keyId);
  });

  it('keep the file of trusted keys when it is up to date, and replace it as a whole otherwise', async () => {
    const { trustedKeysFile, signer } = await openAuthorityKeys(directory);
    const { ino } = await stat(trustedKeysFile);
    await openAuthorityKeys(directory);
    expect((await stat(trustedKeysFile)).ino).toBe(ino);
    await writeFile(trustedKeysFile, '{"keys":[');
    await openAuthorityKeys(directory);
    expect(JSON.parse(await readFile(trustedKeysFile, 'utf8')).keys[0].kid).toBe(signer.keyId);
    expect((await readdir(directory)).sort()).toEqual(['signing-key.json', 'trusted-keys.json']);
  });

  it('are refused with the path when they cannot be written', async () => {
    await expect(openAuthorityKeys(file('missing'))).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/signing-key\.json could not be written \(ENOENT.*the disk must have room$/),
    });
  });

  it('are refused when the file holds no key, without repeating its content', async () => {
    const key = createSigningKey();
    for (const [text, message] of [
      ['{"d":"hunter2"', /signing-key\.json is not JSON; put the right file back, or remove it to get a new key$/],
      [JSON.stringify({ ...key, d: 'hunter2' }), /a signing key is a private Ed25519/],
      [JSON.stringify({ ...key, x: createSigningKey().x }), /signing-key\.json is not a key/],
    ] as const) {
      await writeFile(file('signing-key.json'), text, { mode: 0o600 });
      const refused = openAuthorityKeys(directory);
      await expect(refused).rejects.toMatchObject({ code: 'key_malformed', message: expect.stringMatching(message) });
      await expect(refused).rejects.not.toThrow('hunter2');
    }
  });
});

describe('the keys of operators', () => {
  it('are read from a file', async () => {
    const key = createSigningKey();
    await writeFile(file('operators.json'), JSON.stringify({ keys: [trustedKeyOf(key, 'operator')] }));
    const ring = await readOperatorKeys(file('operators.json'));
    expect(() =>
      ring.verify({ keyId: key.kid, role: 'authority', signed: Buffer.of(), signature: Buffer.of(), now: 0 }),
    ).toThrow(expect.objectContaining({ code: 'key_not_allowed' }));
  });

  it('are refused when the file is missing or holds no key', async () => {
    await expect(readOperatorKeys(file('none.json'))).rejects.toMatchObject({
      code: 'key_malformed',
      message: expect.stringMatching(/none\.json can't be read: ENOENT/),
    });
    await writeFile(file('operators.json'), '{"keys":[{}]}');
    await expect(readOperatorKeys(file('operators.json'))).rejects.toMatchObject({ code: 'key_malformed' });
  });
});
