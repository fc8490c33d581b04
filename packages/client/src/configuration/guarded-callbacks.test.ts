import { expect, it } from 'vitest';
import { Listeners } from './guarded-callbacks.ts';

it('listeners are called in the order they were added until they leave, also when one throws', () => {
  const faults: unknown[] = [];
  const seen: string[] = [];
  const listeners = new Listeners<string>((cause) => void faults.push(cause));
  listeners.add(() => {
    throw new Error('broken');
  });
  const leave = listeners.add((event) => void seen.push(`first ${event}`));
  listeners.add((event) => {
    seen.push(`second ${event}`);
    leave();
  });
  listeners.notify('a');
  listeners.notify('b');
  expect(seen).toEqual(['first a', 'second a', 'second b']);
  expect(faults).toMatchObject([{ message: 'broken' }, { message: 'broken' }]);
});

it('a listener whose promise rejects is reported like one that throws', async () => {
  const faults: unknown[] = [];
  const listeners = new Listeners<string>((cause) => void faults.push(cause));
  listeners.add(async () => {
    throw new Error('broken later');
  });
  listeners.notify('a');
  await new Promise(setImmediate);
  expect(faults).toMatchObject([{ message: 'broken later' }]);
});
