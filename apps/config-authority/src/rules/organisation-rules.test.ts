import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine } from '@setpoint/engine';
import { createMemoryStore } from '@setpoint/engine/store/memory';
import type { JsonObject, Result } from '@setpoint/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openOrganisationRules, type RulesInForce } from './organisation-rules.ts';

let configDir: string;
let engine: Engine;
let inForce: RulesInForce;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  configDir = await mkdtemp(join(tmpdir(), 'setpoint-house-'));
  stack.defer(() => rm(configDir, { recursive: true }));
  await mkdir(join(configDir, '_rules'));
  inForce = {};
  engine = await createEngine({
    store: createMemoryStore(),
    policies: () => inForce.policies,
    rules: () => inForce.rules,
  });
});
afterEach(() => stack.disposeAsync());

let settle = (): void => undefined;

async function open(files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(configDir, name), text);
  const logger = pino({ level: 'silent' });
  const rules = await openOrganisationRules({ configDir, inForce, logger, onRead: () => settle() });
  stack.defer(() => rules.stop());
  return rules;
}

const afterRead = (): Promise<void> =>
  new Promise((done) => {
    settle = done;
  });

let count = 0;

function set(service: string, patch: JsonObject, rest: object = {}): Promise<Result> {
  count += 1;
  const request = { service, author: 'ann', op: 'merge', patch, ...rest } as const;
  return engine.request(request, `r-${count}`, { requester: 'ann' });
}

const together = `
rules:
  - id: cross_reference/same-rate
    level: cross_reference
    severity: error
    services: [stt, tts]
    expression: services.stt.rate == services.tts.rate
    message: stt and tts must have one rate
`;

describe('Validation-01-Organisation-Rules: the rules of an organisation', () => {
  it('are evaluated across services, with the proposed document', async () => {
    await open({ '_rules/rate.yaml': together });
    expect((await set('stt', { rate: 1 })).status).toBe('applied');
    expect(await set('tts', { rate: 2 })).toMatchObject({
      status: 'rejected',
      problem: { errors: [{ message: 'stt and tts must have one rate', rule: 'cross_reference/same-rate' }] },
    });
    expect((await set('tts', { rate: 1 })).status).toBe('applied');
    expect((await set('stt', { rate: 2 })).status).toBe('rejected');
  });

  it('are evaluated anew after an edit, and a faulty file is reported while the others apply', async () => {
    const rules = await open({ '_rules/rate.yaml': together });
    await set('stt', { rate: 1 });
    const read = afterRead();
    await writeFile(join(configDir, '_rules/rate.yaml'), together.replace('==', '='));
    await read;
    expect(rules.problems()).toMatchObject([{ file: join(configDir, '_rules/rate.yaml'), line: 7 }]);
    expect((await set('tts', { rate: 2 })).status).toBe('applied');
  });

  it('may be TypeScript, and one that throws refuses nothing', async () => {
    const text = `
      import type { Rule } from '@setpoint/engine';
      const rule: Rule = {
        id: 'security/broken', level: 'security', severity: 'critical',
        check: (document) => { throw new Error(String(document.name)); },
      };
      export default rule;
    `;
    await open({ '_rules/broken.ts': text });
    expect(await set('stt', { rate: 1 })).toMatchObject({
      status: 'applied',
      warnings: [
        { message: expect.stringContaining('nothing was checked') },
        { rule: 'security/broken', message: expect.stringContaining('could not be checked') },
      ],
    });
  });
});

describe('the policy of an organisation', () => {
  it('Validation-02-Strict-And-Disabled: makes a service strict, disables rules, and finds circles', async () => {
    const policy = `
defaults: { disabledRules: [{ rule: security/default-credentials, reason: a test house }] }
services:
  stt: { strict: true, dependsOn: [tts] }
  tts: { dependsOn: [stt] }
`;
    await open({ '_policy.yaml': policy });
    expect(await set('tts', { timeoutMs: 0, password: 'admin' })).toMatchObject({
      status: 'applied',
      warnings: [
        { message: expect.stringContaining('nothing was checked') },
        { rule: 'performance/no-duration' },
        { rule: 'cross_reference/missing-dependency', message: 'depends on stt, which is not there' },
        { rule: 'cross_reference/dependency-cycle', message: 'depends on itself: tts → stt → tts' },
      ],
    });
    expect(await set('stt', { rate: 1 })).toMatchObject({
      status: 'rejected',
      problem: { errors: [{ message: 'depends on itself: stt → tts → stt' }] },
    });
  });

  it('is reported when it cannot be read, and the last good one stays', async () => {
    const rules = await open({ '_policy.yaml': 'defaults: { strict: true }\n' });
    const read = afterRead();
    await writeFile(join(configDir, '_policy.yaml'), 'defaults: 5\n');
    await read;
    expect(rules.problems()).toMatchObject([{ pointer: '/defaults', message: 'must be a section' }]);
    expect((await set('stt', { timeoutMs: 0 })).status).toBe('rejected');
  });
});
