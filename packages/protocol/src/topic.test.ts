import { describe, expect, it } from 'vitest';
import { anyName, createTopics, isName, parseName } from './topic.ts';

const hex = '0123456789abcdef'.repeat(4);

describe('Wire-01-Topics-Literal: createTopics', () => {
  it('builds every topic literally', () => {
    const topics = createTopics();
    expect(topics.snapshot('vad')).toBe('config/vad/snapshot');
    expect(topics.contract('vad', `sha256:${hex}`)).toBe(
      'config/vad/contract/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    );
    expect(topics.request('vad')).toBe('config/vad/request');
    expect(topics.result('vad', 'ada')).toBe('config/vad/result/ada');
    expect(topics.convergence('vad')).toBe('config/vad/convergence');
    expect(topics.health('vad-1')).toBe('system/health/vad-1');
    expect(topics.keepalive('vad-1')).toBe('system/keepalive/vad-1');
  });

  it('builds every subscription literally', () => {
    const topics = createTopics('acme');
    expect(topics.snapshot(anyName)).toBe('acme/config/+/snapshot');
    expect(topics.contract(anyName, anyName)).toBe('acme/config/+/contract/+');
    expect(topics.request(anyName)).toBe('acme/config/+/request');
    expect(topics.result(anyName, 'ada')).toBe('acme/config/+/result/ada');
    expect(topics.convergence(anyName)).toBe('acme/config/+/convergence');
    expect(topics.health(anyName)).toBe('acme/system/health/+');
    expect(topics.keepalive(anyName)).toBe('acme/system/keepalive/+');
  });

  it('accepts a prefix of up to three names', () => {
    expect(createTopics('acme/prod/eu').snapshot('vad')).toBe('acme/prod/eu/config/vad/snapshot');
    expect(createTopics('acme/prod/eu').health('vad-1')).toBe('acme/prod/eu/system/health/vad-1');
  });

  it.each([['/'], ['acme/'], ['/acme'], ['a//b'], ['Acme'], ['a.b'], ['+'], ['a/#'], ['a/b/c/d'], ['$share']])(
    'refuses the prefix %j',
    (prefix) => {
      expect(() => createTopics(prefix)).toThrow(expect.objectContaining({ code: 'name_invalid' }));
    },
  );

  it.each([[''], ['#'], ['a/b'], ['a b'], ['A'], ['-a'], ['_a'], ['ä'], ['a.b'], ['a\n'], ['x'.repeat(64)]])(
    'refuses the name %j in every topic',
    (name) => {
      const topics = createTopics();
      const refusal = expect.objectContaining({ code: 'name_invalid' });
      expect(() => topics.snapshot(name)).toThrow(refusal);
      expect(() => topics.contract(name, hex)).toThrow(refusal);
      expect(() => topics.request(name)).toThrow(refusal);
      expect(() => topics.result(name, 'ada')).toThrow(refusal);
      expect(() => topics.result('vad', name)).toThrow(refusal);
      expect(() => topics.convergence(name)).toThrow(refusal);
      expect(() => topics.health(name)).toThrow(refusal);
      expect(() => topics.keepalive(name)).toThrow(refusal);
    },
  );

  it.each([['sha256:'], ['abc'], [`sha512:${hex}`], [hex.toUpperCase()], [`${hex}0`]])(
    'refuses the digest %j',
    (digest) => {
      expect(() => createTopics().contract('vad', digest)).toThrow(expect.objectContaining({ code: 'name_invalid' }));
    },
  );
});

describe('Wire-01-Topics-Literal: parse', () => {
  it.each([
    ['config/vad/snapshot', { kind: 'snapshot', service: 'vad' }],
    ['config/vad/request', { kind: 'request', service: 'vad' }],
    ['config/vad/convergence', { kind: 'convergence', service: 'vad' }],
    ['config/vad/result/ada', { kind: 'result', service: 'vad', requester: 'ada' }],
    [`config/vad/contract/${hex}`, { kind: 'contract', service: 'vad', digest: `sha256:${hex}` }],
    ['system/health/vad-1', { kind: 'health', id: 'vad-1' }],
    ['system/keepalive/vad-1', { kind: 'keepalive', id: 'vad-1' }],
  ])('parses %s', (topic, address) => {
    expect(createTopics().parse(topic)).toEqual(address);
    expect(createTopics('acme/prod').parse(`acme/prod/${topic}`)).toEqual(address);
    expect(createTopics('acme/prod').parse(topic)).toBeUndefined();
    expect(createTopics().parse(`acme/prod/${topic}`)).toBeUndefined();
  });

  it.each([
    [''],
    ['config'],
    ['config/vad'],
    ['config/vad/'],
    ['config//snapshot'],
    ['config/+/snapshot'],
    ['config/vad/snapshot/'],
    ['config/vad/snapshot/x'],
    ['config/vad/result'],
    ['config/vad/result/Ada'],
    ['config/vad/result/ada/x'],
    ['config/vad/contract/abc'],
    ['config/vad/other'],
    ['config/Vad/snapshot'],
    ['/config/vad/snapshot'],
    ['system/health'],
    ['system/health/'],
    ['system/health/A'],
    ['system/health/vad-1/x'],
    ['system/other/vad-1'],
    ['other/vad/snapshot'],
  ])('returns undefined for %j', (topic) => {
    expect(createTopics().parse(topic)).toBeUndefined();
  });
});

describe('parseName', () => {
  it('returns a valid name unchanged', () => {
    expect(parseName('vad_2-eu', 'a service')).toBe('vad_2-eu');
    expect(isName('x'.repeat(63))).toBe(true);
  });

  it('throws an error that says what is wrong with an invalid name', () => {
    expect(() => parseName('Vad.1', 'a service')).toThrow(
      '"Vad.1" is not a name for a service: use 1 to 63 of a–z, 0–9, "_" and "-", starting with a letter or digit',
    );
  });
});
