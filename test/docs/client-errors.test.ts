import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

const page = await read('docs/guide/errors.md');
const problems = await read('packages/protocol/src/problem.ts');
const bus = await read('packages/bus/src/bus.ts');
const busError = await read('packages/bus/src/bus-error.ts');

/** The first cells of the table below a heading. */
function codesBelow(heading: string): string[] {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  return [...own.matchAll(/^\| `(\w+)` \|(.+)\|(.+)\|(.+)\|$/gm)].map(([, code = '']) => code);
}

/** The texts that a declaration allows. */
function textsOf(source: string, declaration: RegExp): string[] {
  const [, members = ''] = declaration.exec(source) ?? [];
  return [...members.matchAll(/'(\w+)'/g)].map(([, text = '']) => text);
}

describe('the tables of errors have what the types have:', () => {
  it.each([
    ['SetpointError: codes that stay in the process', textsOf(problems, /type LocalCode =([^;]+);/)],
    ['BusError', textsOf(busError, /type BusErrorCode =([^;]+);/)],
    ['What is reported and survived', textsOf(bus, /interface BusFault \{\s*readonly kind:([^;]+);/)],
  ])('%s', (heading, codes) => {
    expect(codes.length).toBeGreaterThan(3);
    expect(codesBelow(heading).sort()).toEqual(codes.sort());
  });

  it('names no wire code that does not exist', () => {
    const wire = textsOf(problems, /wireCodes = \[([^\]]+)\]/);
    const [, section = ''] = page.split('## SetpointError: codes that also cross the wire\n');
    const [own = ''] = section.split('\n## ');
    const named = [...own.matchAll(/`([a-z]+_[a-z_]+|quarantined|overloaded)`/g)].map(([, code]) => code);
    expect(named.length).toBeGreaterThan(5);
    for (const code of named) expect(wire).toContain(code);
  });
});
