import type { JsonObject } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import type { Layer, Reference, SourceName } from '../layer/layer.ts';
import type { Override } from '../layer/overrides.ts';
import type { Referred } from '../layer/references.ts';
import { resolve } from '../layer/resolve.ts';
import { isSecretIn } from '../schema/redact.ts';
import { compileSchema } from '../schema/schema.ts';
import { explain } from './explain.ts';

const schema = compileSchema({
  properties: {
    key: { type: 'string', 'x-secret': true, description: 'To get in.' },
    port: { type: 'integer', 'x-restart-required': true },
    users: { type: 'array', items: { properties: { pin: { type: 'string', 'x-secret': true } } } },
    limits: { properties: { cpu: { type: 'integer', default: 1 } }, default: {} },
    mqtt: {},
  },
});

const layer = (name: SourceName, document: JsonObject, references: readonly Reference[] = []): Layer => ({
  name,
  document,
  author: name,
  locate: () => (name === 'yaml_file' ? { file: 'vad.yaml', line: 3 } : { name: `a ${name}` }),
  references,
});

const by = { author: 'ann', reason: 'why', version: 4, at: '2026-06-01T00:00:00.000Z' };
const shared: Referred = {
  values: { mqtt: { host: 'h', key: 'hunter9' } },
  isSecret: isSecretIn(['/mqtt/key']),
  refersTo: [],
};

function run(layers: readonly Layer[], overrides: readonly Override[], pointer?: string) {
  const findService = (service: string): Referred | undefined => (service === 'shared' ? shared : undefined);
  const resolved = resolve({ schema, layers, overrides, findService });
  const isMarked = (at: string): boolean => schema.secrets.touches(at);
  const referring = resolved.secretReferences(isMarked);
  const isSecret = (at: string): boolean => isMarked(at) || referring.some((place) => at.startsWith(place));
  const restartRequired = schema.restartRequired.within(resolved.values);
  return explain({ resolved, schemas: [schema], isSecret, restartRequired }, pointer);
}

describe('an explanation', () => {
  it('has every setting, with the winner and what it hides', () => {
    const layers = [layer('yaml_file', { port: 1, users: [{ pin: 'hunter1' }] }), layer('env_file', { port: 2 })];
    expect(run(layers, [{ pointer: '/port', value: 3, ...by }])).toEqual([
      {
        pointer: '/port',
        layer: 'runtime_update',
        value: 3,
        ...by,
        hot: false,
        secret: false,
        beneath: [
          { layer: 'env_file', value: 2, name: 'a env_file' },
          { layer: 'yaml_file', value: 1, file: 'vad.yaml', line: 3 },
        ],
      },
      {
        pointer: '/users',
        layer: 'yaml_file',
        value: '*** REDACTED ***',
        file: 'vad.yaml',
        line: 3,
        hot: true,
        secret: true,
        beneath: [],
      },
      { pointer: '/limits/cpu', layer: 'default', value: 1, hot: true, secret: false, beneath: [] },
    ]);
  });

  it('masks secrets in every layer', () => {
    const layers = [layer('yaml_file', { key: 'hunter1' }), layer('environment', { key: 'hunter2' })];
    const told = run(layers, [{ pointer: '/key', value: 'hunter3', ...by }], '/key');
    expect(told).toMatchObject([
      {
        value: '*** REDACTED ***',
        secret: true,
        description: 'To get in.',
        beneath: [{ value: '*** REDACTED ***' }, { value: '*** REDACTED ***' }],
      },
    ]);
    expect(JSON.stringify(told)).not.toContain('hunter');
  });

  it('is of what was asked for alone, and of nothing where nothing is', () => {
    const layers = [layer('yaml_file', { port: 1, limits: { cpu: 7 } })];
    expect(run(layers, [], '/limits').map(({ pointer }) => pointer)).toEqual(['/limits/cpu']);
    expect(run(layers, [], '/none')).toEqual([]);
  });

  it('says what was taken away at run time, beneath the default that shows', () => {
    const layers = [layer('yaml_file', { limits: { cpu: 7 } })];
    expect(run(layers, [{ pointer: '/limits/cpu', ...by }], '/limits/cpu')).toMatchObject([
      { layer: 'default', value: 1, beneath: [{ layer: 'yaml_file', value: 7 }] },
    ]);
  });

  it('places what a reference brings where that stands', () => {
    const reference: Reference = { pointer: '/mqtt', parts: [{ service: 'shared', pointer: '/mqtt' }] };
    const told = run([layer('yaml_file', { mqtt: 'as it is written' }, [reference])], [], '/mqtt');
    expect(told).toMatchObject([
      { pointer: '/mqtt/host', layer: 'yaml_file', line: 3, name: '${ref:shared#/mqtt}', secret: true },
      { pointer: '/mqtt/key', value: '*** REDACTED ***' },
    ]);
    expect(JSON.stringify(told)).not.toContain('hunter');
  });
});
