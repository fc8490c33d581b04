import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const module = new URL('./logger.ts', import.meta.url).href;
const program = `
  const { createDefaultLogger } = await import(${JSON.stringify(module)});
  const logger = await createDefaultLogger('vad-1');
  for (const level of ['debug', 'info', 'warn', 'error']) logger[level]({ service: 'vad' }, level + ' told');
`;

it('the logger of those who bring none writes warnings and errors as JSON lines to standard error', () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  expect([stdout, status]).toEqual(['', 0]);
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { level: 40, name: 'vad-1', service: 'vad', msg: 'warn told' },
    { level: 50, name: 'vad-1', service: 'vad', msg: 'error told' },
  ]);
});
