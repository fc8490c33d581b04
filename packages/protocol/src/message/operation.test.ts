import { expect, it } from 'vitest';
import { isReadOperation, isStoreOperation, operationShapes } from './operation.ts';

const operations = operationShapes.map(({ op }) => ({ op: op.value }));
const namesOf = (chosen: readonly { op: string }[]): string[] => chosen.map(({ op }) => op);

it('tells which operations only read', () => {
  expect(namesOf(operations.filter(isReadOperation))).toEqual([
    'log',
    'diff',
    'show',
    'explain',
    'blame',
    'tags',
    'drafts',
    'export',
    'schema',
    'preview_schema',
    'profiles',
    'history',
    'search',
    'instances',
    'fsck',
  ]);
});

it('tells which operations concern every service', () => {
  expect(namesOf(operations.filter(isStoreOperation))).toEqual([
    'profile_save',
    'profile_activate',
    'profile_drop',
    'profiles',
    'history',
    'search',
    'instances',
    'fsck',
    'backup',
  ]);
});
