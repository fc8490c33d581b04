import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';

const module = new URL('./default-logger.ts', import.meta.url).href;
const program = `
  const { createDefaultLogger } = await import(${JSON.stringify(module)});
  const logger = await createDefaultLogger('vad-1');
  for (const level of ['debug', 'info', 'warn', 'error']) logger[level]({ service: 'vad' }, level + ' told');
`;

it('the default logger writes warnings and errors as JSON lines to standard error', () => {
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

it.skipIf(!existsSync('/dev/full'))(
  'Client-18-Logger-Harmless: a full disk under standard error does not end the process',
  () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { stdout, status } = spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `${program}; setTimeout(() => { logger.error({}, 'late'); console.log('lives'); }, 50);`,
        ],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', full] },
      );
      expect([stdout, status]).toEqual(['lives\n', 0]);
    } finally {
      closeSync(full);
    }
  },
);
