import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { watchConfig } from 'c12';
import type { MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import { clockMs } from './harness/clock.ts';
import { hundredDocument, hundredSchema, schemaFileOf } from './harness/documents.ts';
import type { Measurement } from './harness/measurement.ts';
import { startPart } from './harness/part.ts';
import { connectPlain } from './harness/plain-client.ts';
import { createRows } from './harness/report.ts';
import { interleave } from './harness/statistics.ts';
import { openTemporaryFolder } from './harness/temporary-folder.ts';
import type { AuthorityPart } from './parts/authority.ts';

type Take = () => Promise<readonly number[]>;
/** Writes a file; resolves when it is written. */
type Write = (file: string, text: string) => Promise<void>;

/** A file counts as written when nothing has happened to it for this long; c12 is given the same. Milliseconds. */
const debounceMs = 100;
const warmUps = 5;

const service = 'stt-worker';
/** A setting of the first section, which says which edit a document comes of. */
const levelOf = (document: unknown): unknown => (document as ReturnType<typeof hundredDocument>)['part-1']?.level;

/** From the edit of a file to the snapshot in the hands of a subscriber. */
export const fileEdit: Measurement = {
  name: 'file-edit',
  async run({ url, name, protocolVersion }, { isQuick }) {
    await using stack = new AsyncDisposableStack();
    const [document, schema] = [hundredDocument(), schemaFileOf(hundredSchema)];
    const options: AuthorityPart = { url, prefix: 'edit', store: 'sqlite', services: [service], document, schema };
    const authority = stack.use(await startPart('authority', options));
    await authority.call('ready');
    const folder = await authority.call<string>('configDir');
    const client = await connectPlain(url, { protocolVersion });
    stack.defer(() => client.endAsync(true));
    await client.subscribeAsync(`edit/config/${service}/snapshot`, { qos: 1 });
    const takes = {
      c12: await openC12(stack),
      written: editing(join(folder, `${service}.yaml`), client, writeFile),
      renamed: editing(join(folder, `${service}.yaml`), client, replaceFile),
    };
    await interleave(warmUps, takes);
    const samples = await interleave(isQuick ? 15 : 60, takes);
    const row = createRows('11 edit of a file', name);
    const ours = (what: string, taken: readonly number[]) => [
      row(what, taken, { beside: { name: 'c12', samples: samples.c12 }, atMost: 100 + debounceMs }),
      row(
        `${what}, without the debounce of ${debounceMs} ms`,
        taken.map((tookMs) => tookMs - debounceMs),
        { atMost: 100 },
      ),
    ];
    return [
      row('c12 watchConfig: written → read again, in one process and with the same debounce', samples.c12),
      ...ours('written → snapshot received', samples.written),
      ...ours('replaced as editors do → snapshot received', samples.renamed),
    ];
  },
};

let count = 0;

function nextText(): { readonly level: number; readonly text: string } {
  count += 1;
  const level = (count % 1000) / 1000;
  const document = hundredDocument();
  return { level, text: stringify({ ...document, 'part-1': { ...document['part-1'], level } }) };
}

function editing(file: string, client: MqttClient, write: Write): Take {
  return async () => {
    const { level, text } = nextText();
    const received = new Promise<number>((settle) => {
      const onMessage = (_: string, payload: Buffer): void => {
        const atMs = clockMs();
        if (levelOf(JSON.parse(payload.toString()).data.values) !== level) return;
        client.off('message', onMessage);
        settle(atMs);
      };
      client.on('message', onMessage);
    });
    const startedAtMs = clockMs();
    await write(file, text);
    return [(await received) - startedAtMs];
  };
}

const replaceFile: Write = async (file, text) => {
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
};

async function openC12(stack: AsyncDisposableStack): Promise<Take> {
  const cwd = await openTemporaryFolder(stack);
  const file = join(cwd, 'settings.yaml');
  await writeFile(file, stringify(hundredDocument()));
  let onUpdate: (config: unknown) => void = () => undefined;
  const watcher = await watchConfig({
    cwd,
    configFile: 'settings',
    rcFile: false,
    debounce: debounceMs,
    onUpdate: ({ newConfig }) => onUpdate(newConfig.config),
  });
  stack.defer(() => watcher.unwatch());
  // It does not tell when it has begun to watch.
  await delay(1000);
  return async () => {
    const { level, text } = nextText();
    const updated = new Promise<number>((settle) => {
      onUpdate = (config) => levelOf(config) === level && settle(clockMs());
    });
    const startedAtMs = clockMs();
    await writeFile(file, text);
    return [(await updated) - startedAtMs];
  };
}
