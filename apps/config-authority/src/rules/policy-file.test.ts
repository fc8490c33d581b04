import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Policies } from '@setpoint/engine';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { openPolicyFile } from './policy-file.ts';

async function open(text?: string) {
  const directory = await mkdtemp(join(tmpdir(), 'setpoint-policy-'));
  const path = join(directory, '_policy.yaml');
  if (text !== undefined) await writeFile(path, text);
  let policies: Policies | undefined;
  let settle = (): void => undefined;
  const opened = await openPolicyFile({
    path,
    onPolicies: (read) => {
      policies = read;
    },
    onRead: () => settle(),
    logger: pino({ level: 'silent' }),
  });
  return {
    path,
    of: (service: string) => policies?.of(service),
    problems: () => opened.problems().map(({ line, pointer, message }) => `${line} ${pointer} ${message}`),
    async after(change: () => Promise<unknown>): Promise<void> {
      const read = new Promise<void>((done) => {
        settle = done;
      });
      await change();
      await read;
    },
    async [Symbol.asyncDispose]() {
      await opened.stop();
      await rm(directory, { recursive: true });
    },
  };
}

it('the policy file is read at the start and after each change, and the last good policy stays', async () => {
  await using policy = await open('services: { vad: { strict: true } }\n');
  expect(policy.of('vad')).toMatchObject({ strict: true, restartRequired: 'reject' });
  await policy.after(() => writeFile(policy.path, 'defaults: { restartRequired: accept }\n'));
  expect(policy.of('vad')).toMatchObject({ strict: false, restartRequired: 'accept' });
  await policy.after(() => writeFile(policy.path, '\ndefaults: { restartRequired: maybe }\n'));
  expect(policy.problems()).toEqual(['2 /defaults/restartRequired must be one of "reject", "accept"']);
  expect(policy.of('vad')).toMatchObject({ restartRequired: 'accept' });
  await policy.after(() => rm(policy.path));
  expect(policy.problems()).toEqual([]);
  expect(policy.of('vad')).toMatchObject({ restartRequired: 'reject' });
});

it('the policy file is optional, and is reported when it cannot be read', async () => {
  await using policy = await open();
  expect(policy.of('vad')).toMatchObject({ strict: false });
  await policy.after(() => mkdir(policy.path));
  expect(policy.problems()).toEqual(["1  can't be read (EISDIR)"]);
});
