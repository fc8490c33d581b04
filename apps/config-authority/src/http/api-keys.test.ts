import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openApiKeys } from './api-keys.ts';
import { identifyByKey, identifyByName, identifyNobody } from './caller.ts';

let root: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  file = join(root, 'keys.yaml');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');
const logger = pino({ level: 'silent' });

let time = Date.parse('2026-01-01T00:00:00Z');
const now = (): number => time;
const open = () => openApiKeys({ file, logger, now });

describe('the keys of the API', () => {
  it('are found by their tokens, in YAML or JSON', async () => {
    await writeFile(
      file,
      `keys:\n  - name: ann\n    sha256: ${hash('token-of-ann')}\n    write: true\n    services: [stt-*]\n` +
        `  - { name: bob, sha256: ${hash('token-of-bob').toUpperCase()}, expiresAt: 2027-01-01T00:00:00Z }\n`,
    );
    const keys = await open();
    expect(await keys.find('token-of-ann')).toMatchObject({ name: 'ann', mayWrite: true, services: ['stt-*'] });
    // A key that does not say that it may write may not.
    expect(await keys.find('token-of-bob')).toMatchObject({ name: 'bob', mayWrite: false, expiresAt: 1798761600000 });
    expect(await keys.find('token-of-cid')).toBeUndefined();
    expect(await keys.find(hash('token-of-ann'))).toBeUndefined();

    await writeFile(file, JSON.stringify({ keys: [{ name: 'cid', sha256: hash('token-of-cid') }] }));
    expect(await (await open()).find('token-of-cid')).toMatchObject({ name: 'cid' });
  });

  it('are reloaded when their file has changed, and stay when it cannot be read', async () => {
    await writeFile(file, JSON.stringify({ keys: [{ name: 'ann', sha256: hash('one') }] }));
    const keys = await open();
    await writeFile(file, JSON.stringify({ keys: [{ name: 'robert', sha256: hash('two') }] }));
    expect(await keys.find('two')).toBeUndefined();
    time += 1000;
    expect(await keys.find('two')).toMatchObject({ name: 'robert' });
    expect(await keys.find('one')).toBeUndefined();
    await writeFile(file, 'keys: none');
    time += 1000;
    expect(await keys.find('two')).toMatchObject({ name: 'robert' });
  });

  it.each([
    ['no list', 'keys: none', /\/keys /],
    ['no key', 'keys: []', /must have a key/],
    ['no YAML', 'keys: [', /is not valid YAML/],
    ['an unknown member', 'keys: [{ name: ann, sha256: x, role: admin }]', /sha256 must be the SHA-256.*role/s],
    ['an invalid name', `keys: [{ name: Ann, sha256: ${hash('x')} }]`, /\/keys\/0\/name must be a name/],
    [
      'one token twice',
      `keys: [{ name: a, sha256: ${hash('x')} }, { name: b, sha256: ${hash('x')} }]`,
      /one token twice/,
    ],
    ['an invalid pattern', `keys: [{ name: a, sha256: ${hash('x')}, services: ['.+'] }]`, /services\/0 must be/],
  ])('are refused with %s', async (_, text, message) => {
    await writeFile(file, text);
    await expect(open()).rejects.toMatchObject({ code: 'key_malformed', message: expect.stringMatching(message) });
  });

  it('are refused when there is no file', async () => {
    await expect(open()).rejects.toMatchObject({
      code: 'key_malformed',
      message: expect.stringContaining("can't be read"),
    });
  });
});

const refused = (status: number, detail: string) =>
  expect.objectContaining({ refusal: expect.objectContaining({ status, detail: expect.stringContaining(detail) }) });

describe('a caller of the API', () => {
  it('is identified by a key', async () => {
    await writeFile(
      file,
      JSON.stringify({
        keys: [
          { name: 'ann', sha256: hash('a'), services: ['stt-*', 'lamp'] },
          { name: 'root', sha256: hash('r'), write: true },
          { name: 'old', sha256: hash('o'), expiresAt: '2020-01-01T00:00:00Z' },
        ],
      }),
    );
    const identify = identifyByKey(await open(), now);
    const ann = await identify({ authorization: 'Bearer a' });
    expect(ann).toMatchObject({ name: 'ann', isKnown: true, mayWrite: false, maySeeAll: false });
    expect(['stt-worker', 'stt-', 'lamp', 'stt', 'my-stt-worker', 'lamps'].map(ann.maySee)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(await identify({ authorization: 'bearer r' })).toMatchObject({ mayWrite: true, maySeeAll: true });
    await expect(identify({})).rejects.toEqual(refused(401, 'send Authorization: Bearer <token>'));
    await expect(identify({ authorization: 'Basic YTpi' })).rejects.toEqual(refused(401, 'must be "Bearer <token>"'));
    await expect(identify({ authorization: 'Bearer x' })).rejects.toEqual(refused(401, 'none of ours'));
    await expect(identify({ authorization: 'Bearer o' })).rejects.toEqual(refused(401, 'the key of old expired'));
    // A name in another header is worth nothing where there are keys.
    await expect(identify({ 'x-setpoint-operator': 'root' })).rejects.toEqual(refused(401, 'send Authorization'));
  });

  it('may give its own name when everyone has access', async () => {
    expect(await identifyByName({})).toMatchObject({ name: 'http', isKnown: false, mayWrite: true });
    expect(await identifyByName({ 'x-setpoint-operator': 'ann' })).toMatchObject({ name: 'ann', isKnown: false });
    await expect(identifyByName({ 'x-setpoint-operator': 'Ann B' })).rejects.toEqual(refused(400, 'must be a name'));
  });

  it('is always refused when others reach the host and there are no keys', async () => {
    await expect(identifyNobody('set SETPOINT_HTTP_KEYS')({})).rejects.toEqual(refused(401, 'set SETPOINT_HTTP_KEYS'));
  });
});
