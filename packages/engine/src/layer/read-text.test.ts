import type { JsonObject, JsonValue } from '@setpoint/protocol';
import { describe, expect, it } from 'vitest';
import { createShape } from '../schema/shape.ts';
import { describeTypes, readText } from './read-text.ts';

const shapesOf = (schema: JsonObject) => [createShape(schema, true)];

describe('a text', () => {
  it.each<[JsonObject, string, JsonValue | undefined]>([
    [{ type: 'boolean' }, 'false', false],
    [{ type: 'boolean' }, 'TRUE', true],
    [{ type: 'boolean' }, '0', undefined],
    [{ type: 'string' }, 'false', 'false'],
    [{ type: 'string' }, '007', '007'],
    [{ type: 'string' }, '', ''],
    [{ type: 'integer' }, '15', 15],
    [{ type: 'integer' }, ' -3 ', -3],
    [{ type: 'integer' }, '1.5', undefined],
    [{ type: 'integer' }, '9007199254740993', undefined],
    [{ type: 'integer' }, '0x10', undefined],
    [{ type: 'integer' }, '', undefined],
    [{ type: 'number' }, '1e3', 1000],
    [{ type: 'number' }, '.5', 0.5],
    [{ type: 'number' }, '1e999', undefined],
    [{ type: 'number' }, 'many', undefined],
    [{ type: ['null', 'integer'] }, 'null', null],
    [{ type: ['null', 'integer'] }, '', null],
    [{ type: ['null', 'string'] }, '', ''],
    [{ type: ['boolean', 'string'] }, 'true', true],
    [{ type: ['boolean', 'string'] }, 'maybe', 'maybe'],
    [{ type: 'array', items: { type: 'integer' } }, '1, 2,3', [1, 2, 3]],
    [{ type: 'array', items: { type: 'integer' } }, '[1, 2]', [1, 2]],
    [{ type: 'array', items: { type: 'integer' } }, '1,x', [1, 'x']],
    [{ type: 'array', items: { type: 'string' } }, '1,true', ['1', 'true']],
    [{ type: 'array' }, '', []],
    [{ type: 'array' }, '[1', undefined],
    [{ type: ['array', 'string'] }, 'a,b', 'a,b'],
    [{ type: 'object' }, '{"a": [1]}', { a: [1] }],
    [{ type: 'object' }, '{"__proto__": 1}', undefined],
    [{ type: 'object' }, 'a', undefined],
    [{ enum: [1, 2] }, '2', 2],
    [{ enum: ['1', '2'] }, '2', '2'],
    [{ const: true }, 'true', true],
    [{ anyOf: [{ type: 'integer' }, { type: 'boolean' }] }, 'true', true],
    [{}, '15', 15],
    [{}, 'true', true],
    [{}, '~', null],
    [{}, '', ''],
    [{}, '[1, "a"]', [1, 'a']],
    [{}, '{"a": 1}', { a: 1 }],
    [{}, '{a', '{a'],
    [{}, '12:30', '12:30'],
  ])('where %j belongs, %j is %j', (schema, text, value) => {
    expect(readText(text, shapesOf(schema))).toEqual(value);
  });

  it('is told what it should be', () => {
    expect(describeTypes(shapesOf({ type: ['integer', 'null'] }))).toBe('null or a whole number');
  });
});
