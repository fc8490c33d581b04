import type { ExportSource } from '@setpoint/engine';
import type { Explanation } from '@setpoint/protocol';
import { parse as parseDotenv } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { exportDocument } from './export-document.ts';

const explain = (pointer: string, rest: Partial<Explanation>): Explanation => ({
  pointer,
  layer: 'default',
  value: null,
  hot: true,
  secret: false,
  beneath: [],
  ...rest,
});

const source: ExportSource = {
  service: 'stt-worker',
  values: {
    vad: { threshold: 0.6, minSilenceMs: 700 },
    words: ['a b', { ipa: '$x' }],
    api: { key: 'hunter2', url: 'http://h:1' },
  },
  secrets: ['/api/key'],
  explanation: [
    explain('/vad/threshold', { layer: 'runtime_update', author: 'alice', version: 7 }),
    explain('/vad/minSilenceMs', {}),
    explain('/words', { layer: 'environment', name: 'SETPOINT_CFG__STT_WORKER__WORDS' }),
    explain('/api/key', { layer: 'yaml_file', file: 'stt-worker.yaml', line: 12, secret: true }),
    explain('/api/url', { layer: 'env_file', file: '.env', line: 2 }),
  ],
  stamp: { epoch: 5, version: 9, digest: 'sha256:ab', author: 'alice', committedAt: '2026-06-01T00:00:00.000Z' },
  now: 1_780_272_000_000,
};

const header = `# stt-worker, version 9 of epoch 5, by alice at 2026-06-01T00:00:00.000Z
# exported 2026-06-01T00:00:00.000Z
# digest sha256:ab
# layers: runtime_update 1, default 1, environment 1, yaml_file 1, env_file 1
`;

describe('a version of a service is exported', () => {
  it('as YAML that says where each value comes from', () => {
    expect(
      exportDocument(source, 'yaml'),
    ).toBe(`${header}# a secret is written as *** REDACTED ***; an import keeps the present one

vad:
  threshold: 0.6 # runtime_update by alice, v7
  minSilenceMs: 700 # default
words: # environment SETPOINT_CFG__STT_WORKER__WORDS
  - a b # environment SETPOINT_CFG__STT_WORKER__WORDS
  - ipa: "$x" # environment SETPOINT_CFG__STT_WORKER__WORDS
api:
  key: "*** REDACTED ***" # yaml_file stt-worker.yaml:12
  url: "http://h:1" # env_file .env:2
`);
  });

  it('as JSON with the same beside the document', () => {
    expect(JSON.parse(exportDocument(source, 'json'))).toEqual({
      $setpoint: {
        service: 'stt-worker',
        version: 9,
        epoch: 5,
        digest: 'sha256:ab',
        author: 'alice',
        committedAt: '2026-06-01T00:00:00.000Z',
        exportedAt: '2026-06-01T00:00:00.000Z',
        redacted: '*** REDACTED ***',
        secrets: ['/api/key'],
        sources: {
          '/vad/threshold': { layer: 'runtime_update', author: 'alice', version: 7 },
          '/vad/minSilenceMs': { layer: 'default' },
          '/words': { layer: 'environment', name: 'SETPOINT_CFG__STT_WORKER__WORDS' },
          '/api/key': { layer: 'yaml_file', file: 'stt-worker.yaml', line: 12 },
          '/api/url': { layer: 'env_file', file: '.env', line: 2 },
        },
      },
      values: {
        vad: { threshold: 0.6, minSilenceMs: 700 },
        words: ['a b', { ipa: '$x' }],
        api: { key: '*** REDACTED ***', url: 'http://h:1' },
      },
    });
  });

  it('for Kubernetes as a ConfigMap and a Secret to be filled in', () => {
    const [map, secret] = parseAllDocuments(exportDocument(source, 'kubernetes')).map((each) => each.toJS());
    expect(map).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'stt-worker-config',
        labels: { 'app.kubernetes.io/managed-by': 'setpoint' },
        annotations: { 'setpoint/version': '9', 'setpoint/digest': 'sha256:ab' },
      },
      data: { 'config.yaml': exportDocument(source, 'yaml') },
    });
    expect(secret).toMatchObject({
      kind: 'Secret',
      metadata: { name: 'stt-worker-secrets' },
      stringData: { SETPOINT_CFG__STT_WORKER__API__KEY: '*** REDACTED ***' },
    });
  });

  it('for Kubernetes under names that DNS-1123 allows, two services never under one', () => {
    const nameOf = (service: string): string =>
      parseAllDocuments(exportDocument({ ...source, service }, 'kubernetes'))[0]?.toJS().metadata.name;
    const names = ['a_b', 'a-b', 'a_', '7up', 'a__b', 'a--b'].map(nameOf);
    for (const name of names) expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    expect(new Set(names).size).toBe(6);
  });

  it('for Compose, every text in quotes and no "$" left that would be a variable', () => {
    expect(exportDocument(source, 'compose')).toBe(`${header}services:
  stt-worker:
    environment:
      SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD: "0.6" # runtime_update by alice, v7
      SETPOINT_CFG__STT_WORKER__VAD__MINSILENCEMS: "700" # default
      SETPOINT_CFG__STT_WORKER__WORDS: "[\\"a b\\",{\\"ipa\\":\\"\\\\u0024x\\"}]" # environment SETPOINT_CFG__STT_WORKER__WORDS
      SETPOINT_CFG__STT_WORKER__API__KEY: "*** REDACTED ***" # yaml_file stt-worker.yaml:12
      SETPOINT_CFG__STT_WORKER__API__URL: "http://h:1" # env_file .env:2
`);
    const cost = exportDocument({ ...source, values: { cost: '5$' }, secrets: [], explanation: [] }, 'compose');
    expect(cost).toContain('SETPOINT_CFG__STT_WORKER__COST: "5$$"');
  });

  it('as dotenv', () => {
    expect(exportDocument(source, 'dotenv')).toBe(`${header}
# runtime_update by alice, v7
SETPOINT_CFG__STT_WORKER__VAD__THRESHOLD='0.6'
# default
SETPOINT_CFG__STT_WORKER__VAD__MINSILENCEMS='700'
# environment SETPOINT_CFG__STT_WORKER__WORDS
SETPOINT_CFG__STT_WORKER__WORDS='["a b",{"ipa":"\\u0024x"}]'
# yaml_file stt-worker.yaml:12
SETPOINT_CFG__STT_WORKER__API__KEY='*** REDACTED ***'
# env_file .env:2
SETPOINT_CFG__STT_WORKER__API__URL='http://h:1'
`);
  });

  it('for Terraform', () => {
    expect(exportDocument(source, 'tfvars')).toBe(`${header}
stt_worker = {
  "vad" = {
    "threshold" = 0.6 # runtime_update by alice, v7
    "minSilenceMs" = 700 # default
  }
  "words" = ["a b", { "ipa" = "$x" }] # environment SETPOINT_CFG__STT_WORKER__WORDS
  "api" = {
    "key" = "*** REDACTED ***" # yaml_file stt-worker.yaml:12
    "url" = "http://h:1" # env_file .env:2
  }
}
`);
  });

  it('without any secret, in whatever format', () => {
    const secret = {
      ...source,
      values: { ...source.values, tokens: ['s3cr3t', { inner: 's3cr3t' }], 'odd name': 's3cr3t' },
    };
    const secrets = ['/api/key', '/tokens/0', '/tokens/1/inner', '/odd name'];
    for (const format of ['yaml', 'json', 'kubernetes', 'compose', 'dotenv', 'tfvars'] as const) {
      const text = exportDocument({ ...secret, secrets }, format);
      expect(text).toContain('*** REDACTED ***');
      expect(text).not.toMatch(/hunter2|s3cr3t/);
    }
  });

  it('as dotenv without a backslash that would hide the end of a text', () => {
    const values = { a: 'a\\', b: 'x\'\ny"', c: 'C:\\new' };
    const exported = exportDocument({ ...source, values, secrets: [], explanation: [] }, 'dotenv');
    expect(parseDotenv(exported)).toEqual({
      SETPOINT_CFG__STT_WORKER: '{"a":"a\\\\","b":"x\\u0027\\ny\\"","c":"C:\\\\new"}',
    });
  });

  it('as a section in JSON where a variable could not be named', () => {
    const odd = { ...source, values: { section: { 'odd name': 1, b: 2 }, plain: true }, secrets: [], explanation: [] };
    expect(exportDocument(odd, 'dotenv').trim().split('\n').slice(-2)).toEqual([
      `SETPOINT_CFG__STT_WORKER__SECTION='{"odd name":1,"b":2}'`,
      "SETPOINT_CFG__STT_WORKER__PLAIN='true'",
    ]);
  });
});
