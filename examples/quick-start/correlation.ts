import { connect } from '@setpoint/client';

await using connection = await connect({ service: 'adder', environment: process.env });
const { messenger } = connection;

await messenger.reply<{ a: number; b: number }>('adder/add', ({ a, b }) => ({ sum: a + b })).ready;
await messenger.reply<{ to: number }>('adder/count', async function* ({ to }) {
  for (let n = 1; n <= to; n += 1) yield { n };
}).ready;

// Requests are sent at once and answered in any order: the correlation id assigns each answer to its request.
const asked = [1, 2, 3].map((n) => messenger.request<{ sum: number }>('adder/add', { a: n, b: 10 }));
console.log((await Promise.all(asked)).map(({ sum }) => sum).join(' '));

for await (const { n } of messenger.requestStream<{ n: number }>('adder/count', { to: 3 })) console.log(`item ${n}`);
