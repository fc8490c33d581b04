import { expect, it } from 'vitest';
import { Listeners } from './guarded-callbacks.ts';

it('all are told, in the order they came, until they leave, also where one of them throws', () => {
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

it('one that fails later is told like one that throws', async () => {
  const faults: unknown[] = [];
  const listeners = new Listeners<string>((cause) => void faults.push(cause));
  listeners.add(async () => {
    throw new Error('broken later');
  });
  listeners.notify('a');
  await new Promise(setImmediate);
  expect(faults).toMatchObject([{ message: 'broken later' }]);
});
