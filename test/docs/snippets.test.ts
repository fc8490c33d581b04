import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const pages = globSync(['README.md', 'docs/*.md', 'docs/guide/*.md', '{packages,apps}/*/README.md'], { cwd: root })
  .filter((page) => /^```ts/m.test(readFileSync(join(root, page), 'utf8')))
  .toSorted();

/** What the snippets take for granted; one that says it itself goes before. */
const surroundings = `
import type { Connection } from '@setpoint/client';
import type { z as zod } from 'zod';

interface Settings { readonly vad: { readonly threshold: number }; readonly model: string }
declare global {
  const z: typeof zod;
  const schema: zod.ZodType<Settings>;
  const connection: Connection<Settings>;
  const config: Connection<Settings & { readonly whisper: { readonly model: string } }>;
  const url: string;
  const service: string;
  const readFile: typeof import('node:fs/promises').readFile;
  var model: object | undefined;
  var next: object | undefined;
  const connect: typeof import('@setpoint/client').connect;
  const recogniser: { use(vad: Settings['vad']): void; errorRate(): number };
  function loadModel(name: string, signal?: AbortSignal): Promise<object>;
  function store(topic: string, celsius: number, signal: AbortSignal): Promise<void>;
}
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snippets-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'surroundings.d.ts'), surroundings);
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.base.json'),
      // What a snippet shows need not be used.
      compilerOptions: {
        noEmit: true,
        noUnusedLocals: false,
        noUnusedParameters: false,
        // The root does not depend on these, so they are not in its node_modules.
        paths: {
          '@setpoint/authoring': [join(root, 'packages/authoring/src/index.ts')],
          '@setpoint/openfeature': [join(root, 'packages/openfeature/src/index.ts')],
          '@setpoint/participant': [join(root, 'packages/participant/src/index.ts')],
        },
      },
      include: ['.'],
    }),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('every TypeScript snippet of the documentation compiles', async () => {
  expect(pages.length).toBeGreaterThan(10);
  for (const page of pages) {
    const text = await readFile(join(root, page), 'utf8');
    const snippets = [...text.matchAll(/^```ts(?: no-run)?\n(.*?)^```/gms)].map(([, snippet = '']) => snippet);
    const below = join(folder, page.replaceAll(/\W/g, '-'));
    await mkdir(below);
    // What a package is made of, its users install beside it.
    if (page.startsWith('packages/')) {
      await symlink(join(root, dirname(page), 'node_modules'), join(below, 'node_modules'));
    }
    for (const [index, snippet] of snippets.entries()) {
      await writeFile(join(below, `snippet-${index + 1}.ts`), `${snippet}export {};\n`);
    }
  }
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const checked = await promisify(execFile)(tsc, ['-p', folder], { cwd: folder }).catch((failed) => failed);
  expect(checked.stdout).toBe('');
}, 60_000);
