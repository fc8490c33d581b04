import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { brokerRestart } from './broker-restart.ts';
import { changeLatency } from './change-latency.ts';
import { clientApply } from './client-apply.ts';
import { clientDispatch } from './client-dispatch.ts';
import { clientPublish } from './client-publish.ts';
import { clientReconnect } from './client-reconnect.ts';
import { clientSize } from './client-size.ts';
import { clientStart } from './client-start.ts';
import { fanOut } from './fan-out.ts';
import { fileEdit } from './file-edit.ts';
import { gracefulStop } from './graceful-stop.ts';
import { findBrokers } from './harness/brokers.ts';
import type { Measurement } from './harness/measurement.ts';
import { loadNow, type Row, toMarkdown } from './harness/report.ts';
import { history } from './history.ts';
import { httpRead } from './http-read.ts';
import { largeDocumentChange } from './large-document.ts';
import { largeLoad } from './large-load.ts';
import { loadSettings } from './load-settings.ts';
import { reload } from './reload.ts';
import { searchSettings } from './search.ts';
import { sustained } from './sustained.ts';
import { thousandClients } from './thousand-clients.ts';
import { validateSettings } from './validate-settings.ts';

// Measures what the promises of speed and size say:
// `npm run bench -- [--quick] [--broker aedes|mosquitto] [--json file] [--profile folder] [name…]`.

const measurements: readonly Measurement[] = [
  changeLatency,
  fanOut,
  sustained,
  brokerRestart,
  clientSize,
  clientStart,
  clientPublish,
  clientDispatch,
  clientReconnect,
  clientApply,
  largeDocumentChange,
  largeLoad,
  httpRead,
  loadSettings,
  validateSettings,
  fileEdit,
  history,
  searchSettings,
  reload,
  gracefulStop,
  thousandClients,
];

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    broker: { type: 'string' },
    profile: { type: 'string' },
  },
  allowPositionals: true,
});
if (values.profile !== undefined) process.env.BENCH_PROFILE_DIR = resolve(values.profile);
const names = measurements.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`there is no measurement ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(64);
}

const wanted = measurements.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const available = (await findBrokers()).filter(({ name }) => !values.broker || name.toLowerCase() === values.broker);
// A quick look is at one broker, unless another is asked for.
const kinds = values.quick ? available.slice(0, 1) : available;
const machine = `Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}`;
const loadBefore = loadNow();
const startedAt = performance.now();
const rows: Row[] = [];
for (const measurement of wanted) {
  for (const kind of measurement.isOnceEnough ? kinds.slice(0, 1) : kinds) {
    const begunAt = performance.now();
    await using broker = await kind.open();
    rows.push(...(await measurement.run(broker, { isQuick: values.quick })));
    console.error(`${measurement.name} on ${kind.name}: ${secondsSince(begunAt)} s, load ${loadNow()}`);
  }
}
const circumstances = `${machine}; ${secondsSince(startedAt)} s; load before ${loadBefore}, after ${loadNow()}`;
console.log(`${circumstances}\n\n${toMarkdown(rows)}`);
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify({ machine, loadBefore, loadAfter: loadNow(), rows }, null, 2)}\n`);
}

function secondsSince(moment: number): string {
  return ((performance.now() - moment) / 1000).toFixed(1);
}
