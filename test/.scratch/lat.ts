import mqtt from 'mqtt';
import { openAedes } from '../support/brokers/aedes.ts';
import { openMosquitto } from '../support/brokers/mosquitto.ts';

const pct = (a: number[]) => {
  a.sort((x, y) => x - y);
  return [0.5, 0.9, 0.99].map((p) => a[Math.floor(a.length * p)]!.toFixed(3)).join(' ');
};
for (const open of [openAedes, openMosquitto]) {
  const b = await open();
  console.log(b.name);
  const payload = Buffer.alloc(1000, 'x');
  {
    const pub = b.connect();
    const sub = b.connect();
    await pub.start();
    await sub.start();
    let got: (() => void) | undefined;
    let n = 0;
    let target = 0;
    await sub.subscribe('a/b', () => {
      n++;
      if (n === target) got?.();
    }).ready;
    const lats: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const t = performance.now();
      target = n + 1;
      const p = new Promise<void>((r) => (got = r));
      void pub.publish('a/b', payload);
      await p;
      lats.push(performance.now() - t);
    }
    console.log(' bus one-way', pct(lats));
    const l2: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const t = performance.now();
      await pub.publish('c', payload);
      l2.push(performance.now() - t);
    }
    console.log(' bus puback', pct(l2));
    for (let rep = 0; rep < 3; rep++) {
      const t0 = performance.now();
      const c0 = process.cpuUsage();
      const N = 10000;
      let inflight: Promise<void>[] = [];
      for (let i = 0; i < N; i++) {
        inflight.push(pub.publish('c', payload));
        if (inflight.length === 500) {
          await Promise.all(inflight);
          inflight = [];
        }
      }
      await Promise.all(inflight);
      const dt = performance.now() - t0;
      const c = process.cpuUsage(c0);
      console.log(
        ' bus throughput/s',
        ((N / dt) * 1000).toFixed(0),
        'cpu us/msg',
        ((c.user + c.system) / N).toFixed(1),
      );
    }
    {
      target = n + 200;
      const p = new Promise<void>((r) => (got = r));
      const t = performance.now();
      await Promise.all(Array.from({ length: 200 }, () => pub.publish('a/b', '1')));
      const t1 = performance.now();
      await p;
      console.log(' burst200 acked', (t1 - t).toFixed(1), 'delivered', (performance.now() - t).toFixed(1));
    }
    await pub.stop();
    await sub.stop();
  }
  {
    const pub = await mqtt.connectAsync(b.url, { writeCache: false, clean: true });
    const sub = await mqtt.connectAsync(b.url, { clean: true });
    (pub.stream as any).setNoDelay(true);
    (sub.stream as any).setNoDelay(true);
    let got: (() => void) | undefined;
    await sub.subscribeAsync('a/b', { qos: 1 });
    sub.on('message', () => got?.());
    const lats: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const t = performance.now();
      const p = new Promise<void>((r) => (got = r));
      void pub.publishAsync('a/b', payload, { qos: 1 });
      await p;
      lats.push(performance.now() - t);
    }
    console.log(' raw one-way', pct(lats));
    const l2: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const t = performance.now();
      await pub.publishAsync('c', payload, { qos: 1 });
      l2.push(performance.now() - t);
    }
    console.log(' raw puback', pct(l2));
    for (let rep = 0; rep < 3; rep++) {
      const t0 = performance.now();
      const c0 = process.cpuUsage();
      const N = 10000;
      let inflight: Promise<unknown>[] = [];
      for (let i = 0; i < N; i++) {
        inflight.push(pub.publishAsync('c', payload, { qos: 1 }));
        if (inflight.length === 8) {
          await Promise.all(inflight);
          inflight = [];
        }
      }
      await Promise.all(inflight);
      const dt = performance.now() - t0;
      const c = process.cpuUsage(c0);
      console.log(
        ' raw throughput(8)/s',
        ((N / dt) * 1000).toFixed(0),
        'cpu us/msg',
        ((c.user + c.system) / N).toFixed(1),
      );
    }
    await pub.endAsync(true);
    await sub.endAsync(true);
  }
  await b.close();
}
