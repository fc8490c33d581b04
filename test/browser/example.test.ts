import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openWebSocketHarness } from '@setpoint/test-support/brokers/aedes-websocket';
import { openWorld } from '@setpoint/test-support/world';
import { describe, expect, it } from 'vitest';
import { isChromiumHere, openChromium } from './chromium.ts';

const program = fileURLToPath(new URL('../../examples/browser/serve.ts', import.meta.url));

/** Starts what serves the example's page; its address is the first line that it says. */
async function serve(trustedKeysFile: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH, PORT: '0', SETPOINT_TRUSTED_KEYS: trustedKeysFile },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const [url] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe.runIf(isChromiumHere())('the example of a page', () => {
  it('Client-12-Browser: shows its document, and every change of it', async () => {
    await using stack = new AsyncDisposableStack();
    const broker = await openWebSocketHarness();
    stack.defer(() => broker.close());
    const world = stack.use(await openWorld(broker, { file: undefined }));
    await world.writeFile('shop-window.yaml', 'headline: Good morning\nmenu:\n  - { name: Rye bread, euros: 3.8 }\n');
    const served = stack.use(await serve(world.keys.trustedKeysFile));
    const browser = await openChromium();
    stack.defer(() => browser.close());

    const page = await browser.newPage({ viewport: { width: 900, height: 600 } });
    await page.goto(`${served.url}?broker=${encodeURIComponent(broker.url)}&prefix=${world.prefix}`);
    const text = (place: string) => page.locator(place).textContent();
    await expect
      .poll(() => text('main'), { timeout: 30_000 })
      .toMatch(/Good morning.*Open from 8 to 18.*Rye bread€ 3\.80/s);
    await expect.poll(() => text('#standing')).toBe('version 1, live, READY · broker: connected');

    const operator = await world.operator();
    const patch = { headline: 'Fresh bread', accent: 'tomato', isOpen: false };
    await operator.request('shop-window', { op: 'merge', patch });
    await expect.poll(() => text('h1')).toBe('Fresh bread');
    await expect.poll(() => text('#hours')).toBe('Closed today');
    await expect.poll(() => text('#standing')).toBe('version 2, live, READY · broker: connected');

    await broker.stop();
    await expect.poll(() => text('#standing')).toContain('broker: reconnecting');
    expect(await text('h1')).toBe('Fresh bread');
  });
});
