import mqtt from 'mqtt';
import { openAedes } from '../support/brokers/aedes.ts';
import { openMosquitto } from '../support/brokers/mosquitto.ts';

const med = (a: number[]) => a.sort((x, y) => x - y)[a.length >> 1]!;
const b = await openMosquitto();
const payload = Buffer.alloc(1000, 'x');
const bus = b.connect();
await bus.start();
const raw = await mqtt.connectAsync(b.url, { writeCache: false, clean: true, protocolVersion: 5, resubscribe: false });
(raw.stream as any).setNoDelay(true);
const pubs: Record<string, () => Promise<unknown>> = {
  bus: () => bus.publish('c', payload),
  raw: () => raw.publishAsync('c', payload, { qos: 1 }),
};
const out: Record<string, { lat: number[]; cpu: number[]; tput: number[] }> = {
  bus: { lat: [], cpu: [], tput: [] },
  raw: { lat: [], cpu: [], tput: [] },
};
for (let round = 0; round < 12; round++)
  for (const k of round % 2 ? ['bus', 'raw'] : ['raw', 'bus']) {
    const f = pubs[k]!;
    const l: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const t = performance.now();
      await f();
      l.push(performance.now() - t);
    }
    const c0 = process.cpuUsage(),
      t0 = performance.now();
    for (let i = 0; i < 1250; i++) await Promise.all([f(), f(), f(), f(), f(), f(), f(), f()]);
    const c = process.cpuUsage(c0);
    const dt = performance.now() - t0;
    if (round > 3) {
      out[k]!.lat.push(med(l));
      out[k]!.cpu.push((c.user + c.system) / 10000);
      out[k]!.tput.push((10000 / dt) * 1000);
    }
  }
for (const k in out)
  console.log(
    k,
    'lat',
    med(out[k]!.lat).toFixed(4),
    'cpu us',
    med(out[k]!.cpu).toFixed(2),
    'tput',
    med(out[k]!.tput).toFixed(0),
  );
await bus.stop();
await raw.endAsync(true);
await b.close();
