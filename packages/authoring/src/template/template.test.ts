import { compileSchema } from '@setpoint/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fillBlanks, fillFile, parseTemplate, type Template } from './template.ts';
import { fillTemplate, ownTemplates, readTemplates } from './template-folder.ts';

const template = parseTemplate(
  'api',
  `
description: For a test.
parameters:
  - { name: port, type: integer, description: The port, default: 80, byEnvironment: { development: 8080 } }
  - { name: host, type: string, description: The host }
  - { name: level, type: string, description: What is logged, oneOf: [info, debug], default: info }
  - { name: tls, type: boolean, description: Whether it is secret, default: false }
files: [{ from: a.yaml, to: a.yaml }]
`,
);
/** A place in a template. */
const blank = (name: string): string => `\${param:${name}}`;
const subject = { service: 'api', environment: '' };
const fill = (text: string, host = 'h', to = 'a.yaml'): string =>
  fillFile(template, to, text, fillBlanks(template, subject, { host })).text;

describe('the blanks of a template', () => {
  it('are filled with what is given, else with the default of the environment', () => {
    expect(fillBlanks(template, subject, { host: 'h', tls: 'true' })).toEqual({
      service: 'api',
      environment: '',
      port: 80,
      host: 'h',
      level: 'info',
      tls: true,
    });
    expect(fillBlanks(template, { ...subject, environment: 'development' }, { host: 'h' }).port).toBe(8080);
  });

  it('are all told at once where they are not right', () => {
    expect(() =>
      fillBlanks(template, { ...subject, service: 'A b' }, { port: '1.5', level: 'x', tls: 'yes', nope: '1' }),
    ).toThrow(
      'the template api can\'t be filled in: there is no parameter nope; "A b" is not a name for a service; port must be a whole number; ' +
        'host is missing; level must be one of info, debug; tls must be a boolean; it has port, host, level, tls',
    );
  });
});

describe('a file of a template', () => {
  it('has values of their types, and comments', () => {
    expect(
      fill(
        `# for ${blank('service')}\nport: ${blank('port')} # ${blank('level')}\nurl: http://${blank('host')}:${blank('port')}/\n`,
      ),
    ).toBe('# for api\nport: 80 # info\nurl: http://h:80/\n');
    expect(fill(`{"port": "${blank('port')}", "tls": "${blank('tls')}"}`, 'h', 'a.json')).toBe(
      '{\n  "port": 80,\n  "tls": false\n}\n',
    );
  });

  it('keeps whatever was typed in its place', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).map((text) => text.replace(/\p{Cc}/gu, '')),
        (host) => {
          expect(parse(fill(`a: ${blank('host')}\nb: "${blank('host')}"\nc: x${blank('host')}\n`, host))).toEqual({
            a: host,
            b: host,
            c: `x${host}`,
          });
          expect(JSON.parse(fill(`{"a": "${blank('host')}"}`, host, 'a.json'))).toEqual({ a: host });
        },
      ),
    );
  });

  it('is not written out of its folder', () => {
    expect(() => fill('', '../../etc', `${blank('host')}/a.yaml`)).toThrow(/not in its folder/);
    expect(() => fill('', '/etc', `${blank('host')}/a.yaml`)).toThrow(/not in its folder/);
  });

  it('may only name what is declared', () => {
    for (const name of ['other', 'constructor']) {
      expect(() => fill(`a: ${blank(name)}\n`)).toThrow(/does not declare its parameter/);
    }
  });
});

it('a manifest that is not right is told with every fault', () => {
  expect(() => parseTemplate('api', 'parameters: [{ name: A, type: text }]\nfiles: []\n')).toThrow(
    /description .*parameters\/0\/name .*parameters\/0\/type .*parameters\/0\/description .*files /,
  );
  expect(() => parseTemplate('api', 'a: [')).toThrow('template.yaml: it is not YAML');
});

describe('the templates that come along', () => {
  it('are these', async () => {
    const names = (await readTemplates(ownTemplates)).map(({ name }) => name);
    expect(names).toEqual(['http-service', 'mqtt-worker', 'scheduled-job', 'speech-to-text']);
  });

  it.each(['', 'development', 'production'])('are valid as they are, in the environment "%s"', async (environment) => {
    for (const each of await readTemplates(ownTemplates)) {
      const { values, schema } = await apply(each, environment);
      expect(compileSchema(schema).evaluate(values)?.errors).toEqual([]);
      expect(Object.keys(values).length).toBeGreaterThan(1);
    }
  });

  it('have a default or an example of every setting that fits', async () => {
    for (const each of await readTemplates(ownTemplates)) {
      const compiled = compileSchema((await apply(each, '')).schema);
      expect(compiled.evaluate(compiled.fillDefaults({}))?.errors).toEqual([]);
    }
  });
});

async function apply(each: Template, environment: string) {
  const values = fillBlanks(each, { service: 'my-service', environment }, {});
  const files = await fillTemplate(ownTemplates, each, values);
  const [config, schema] = files;
  expect(files.map(({ path }) => path)).toEqual(['config/my-service.yaml', 'config/my-service.schema.json']);
  return { values: parse(config?.text ?? ''), schema: JSON.parse(schema?.text ?? '') };
}
