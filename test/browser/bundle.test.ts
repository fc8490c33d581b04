import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bundle } from './bundle.ts';

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const kilobytesOf = (code: string | undefined): number => gzipSync(code ?? '').length / 1000;

describe('what a page loads', async () => {
  const scripts = await bundle(fileOf('../../examples/browser/main.ts'));
  const mqtt = [...scripts.keys()].find((name) => name.startsWith('mqtt-'));

  it('Client-12-Browser: contains no module of Node', () => {
    for (const code of scripts.values()) {
      const imported = [...code.matchAll(/(?:from|import)\s*\(?\s*["'`]([\w@.][\w@./:-]*)["'`]/g)].map(
        ([, name]) => name,
      );
      expect(imported.filter((name) => !scripts.has(`${name}`.slice(2)))).toEqual([]);
    }
    expect(scripts.get('main.js')?.match(/\b(Buffer|pino|process\.\w+)/g)).toBeNull();
  });

  it('loads MQTT.js as a separate script when it is needed, and has the size that the docs state', () => {
    // docs/guide/browser.md states these bounds.
    expect(kilobytesOf(scripts.get('main.js'))).toBeLessThan(80);
    expect(kilobytesOf(scripts.get(`${mqtt}`))).toBeGreaterThan(50);
    expect(kilobytesOf(scripts.get(`${mqtt}`))).toBeLessThan(115);
  });

  it('fails to bundle a program that needs Node', async () => {
    await expect(bundle(fileOf('site.ts'))).rejects.toThrow('node:');
  });
});
