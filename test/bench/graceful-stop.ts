import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMqttBus } from '@setpoint/bus/mqtt';
import { connect } from '@setpoint/client';
import { createOperator } from '@setpoint/client/operator';
import { spawnAuthority } from '@setpoint/test-support/authority-process';
import type { Measurement } from './harness/measurement.ts';
import { createRows } from './harness/report.ts';
import { silentLogger } from './harness/silent-logger.ts';

const requests = 400;
/** So many are answered before the authority is stopped. */
const answeredBefore = 30;

/** From the call of `stop` with a hung handler, or from SIGTERM under load, to the end. */
export const gracefulStop: Measurement = {
  name: 'graceful-stop',
  async run({ url, name, protocolVersion }, { isQuick }) {
    const clients: number[] = [];
    const authorities: number[] = [];
    for (let round = 0; round < (isQuick ? 3 : 10); round += 1) {
      clients.push(await stopClient(url));
      authorities.push(await stopAuthority({ url, protocolVersion, prefix: `stop${round}` }));
    }
    const row = createRows('20 stop', name);
    return [
      row('client with a hung handler: stop → closed', clients, { atMost: 5000 }),
      row(`authority with ${requests} requests under way: SIGTERM → exit`, authorities, { atMost: 5000 }),
    ];
  },
};

async function stopClient(url: string): Promise<number> {
  const connection = await connect({ url, service: 'vad', logger: silentLogger });
  const entered = Promise.withResolvers<void>();
  const subscription = connection.messenger.subscribe('hang', () => {
    entered.resolve();
    return new Promise(() => {});
  });
  await subscription.ready;
  await connection.messenger.publish('hang', {});
  await entered.promise;
  const beganMs = performance.now();
  await connection.stop();
  return performance.now() - beganMs;
}

async function stopAuthority(options: { url: string; protocolVersion: 4 | 5; prefix: string }): Promise<number> {
  const { url, protocolVersion, prefix } = options;
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'setpoint-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const authority = spawnAuthority({
    SETPOINT_MQTT_URL: url,
    SETPOINT_DATA_DIR: join(root, 'data'),
    SETPOINT_CONFIG_DIR: join(root, 'config'),
    SETPOINT_PREFIX: prefix,
  });
  stack.defer(async () => void (await authority.end('SIGKILL')));
  await authority.up;
  const bus = createMqttBus({ url, clientId: `bench-${prefix}`, protocolVersion });
  stack.defer(() => bus.stop());
  await bus.start();
  const operator = createOperator({ bus, name: 'ann', prefix, timeoutMs: 30_000, retryMs: 30_000 });
  const enough = Promise.withResolvers<void>();
  let answered = 0;
  for (let n = 0; n < requests; n += 1) {
    const asked = operator.request('lamp', { op: 'merge', patch: { [`n${n}`]: n } });
    asked.then(
      () => {
        answered += 1;
        if (answered === answeredBefore) enough.resolve();
      },
      // The requests that the authority no longer answers.
      () => undefined,
    );
  }
  await enough.promise;
  const beganMs = performance.now();
  await authority.end('SIGTERM');
  return performance.now() - beganMs;
}
