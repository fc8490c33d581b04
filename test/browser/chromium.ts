import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const executablePath: string = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Whether the tests in a browser run here. Says so loudly where they don't; in CI it has to be there. */
export function isChromiumHere(): boolean {
  if (existsSync(executablePath)) return true;
  const why = `SKIPPED: no ${executablePath}, and CHROMIUM names no other: nothing ran in a browser`;
  if (process.env.CI === 'true') throw new Error(why);
  console.warn(`\n*** ${why} ***\n`);
  return false;
}

/** Headless, and silent towards everything but the pages that it is given. */
export const openChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
