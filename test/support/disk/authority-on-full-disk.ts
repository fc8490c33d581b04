import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { createOperator } from '@setpoint/client/operator';
import { type AuthorityProcess, spawnAuthority } from '../authority-process.ts';
import { createWatcher } from '../watcher.ts';
import { fillDisk, freeDisk } from './filled.ts';

// An authority whose store lies on a disk that gets full and has room again. Prints what it saw, as one line of JSON.
const port = 1883;
const dataDir = '/disk/data';
mkdirSync('/tmp/config');
const spawn = (folder = dataDir): AuthorityProcess =>
  spawnAuthority({
    SETPOINT_BROKER_PORT: String(port),
    SETPOINT_CONFIG_DIR: '/tmp/config',
    SETPOINT_DATA_DIR: folder,
  });
async function start(): Promise<AuthorityProcess> {
  const authority = spawn();
  await authority.up;
  return authority;
}

/** What it says of a start that does not come about. */
async function refusal(folder: string): Promise<object> {
  const authority = spawn(folder);
  const code = await authority.exit;
  return { code, said: authority.output.trim() };
}

const outcomeOf = (authority: AuthorityProcess): Promise<string> =>
  authority.up.then(
    () => 'up',
    () => authority.output,
  );

const bus = createMqttBus({ url: `mqtt://127.0.0.1:${port}`, clientId: 'watching', reconnectMaxDelayMs: 200 });
const operator = createOperator({ bus, name: 'ann', timeoutMs: 60_000, retryMs: 200 });
const ballast = 'x'.repeat(3000);
const applied: number[] = [];
async function change(n: number): Promise<{ status: string; code: string | undefined; detail: string | undefined }> {
  const { status, version, problem } = await operator.request('lamp', {
    op: 'merge',
    patch: { n, ballast: `${n} ${ballast}` },
    reason: `change ${n}`,
  });
  if (status === 'applied') applied.push(version);
  return { status, code: problem?.code, detail: problem?.detail };
}

const logged = async (): Promise<readonly number[]> =>
  ((await operator.request('lamp', { op: 'log', limit: 500 })).log ?? []).map(({ version }) => version).reverse();

const seen: Record<string, unknown> = {};
let authority = await start();
// What it said explains what went wrong here.
process.once('uncaughtExceptionMonitor', () => console.error(authority.output));
await bus.start();
seen.before = await change(1);

// Some changes still find room.
fillDisk(100_000);
let n = 2;
let answer = await change(n);
while (answer.status === 'applied') {
  n += 1;
  answer = await change(n);
}
seen.full = { answer, applied: [...applied], logged: await logged() };
fillDisk();
seen.fuller = { answer: await change(n), logged: await logged() };

await authority.end('SIGKILL');
authority = await start();
const watcher = createWatcher(bus, 'config/lamp/snapshot');
const { json } = await watcher.until((message) => message.json !== undefined, 60_000);
seen.startedFull = {
  version: json.data.version,
  n: json.data.values.n,
  logged: await logged(),
  answer: await change(n),
};

freeDisk();
seen.roomAgain = { answer: await change(n), logged: await logged(), applied: [...applied] };
seen.stopped = await authority.end('SIGTERM');

await bus.stop();
const db = new DatabaseSync(`${dataDir}/setpoint.db`);
seen.check = db.prepare('PRAGMA integrity_check').get()?.integrity_check;
db.close();

// A later start, whose keys are all there.
fillDisk();
const trustedKeys = (): number => statSync(`${dataDir}/trusted-keys.json`).ino;
const inode = trustedKeys();
const later = spawn();
seen.laterStart = await outcomeOf(later);
await later.end('SIGTERM');
seen.isKeyFileLeftAlone = trustedKeys() === inode;

// The first start of all: with no room for a key, and with no room for the store.
mkdirSync('/disk/new');
seen.firstStart = { ...(await refusal('/disk/new')), files: readdirSync('/disk/new') };
freeDisk();
fillDisk(12_288);
seen.firstStore = await refusal('/disk/new');
freeDisk();
const retried = spawn('/disk/new');
seen.retried = await outcomeOf(retried);
await retried.end('SIGTERM');

seen.readOnly = await refusal('/read-only');
console.log(JSON.stringify(seen));
