import { clockMs } from '../harness/clock.ts';
import { servePart, tellEvent } from '../harness/part.ts';
import { connectPlain } from '../harness/plain-client.ts';

// A service of the baselines: reads the JSON of what arrives, and tells when.

servePart({
  open: async ({ url, topics, protocolVersion }: { url: string; topics: string[]; protocolVersion: 4 | 5 }) => {
    const client = await connectPlain(url, { protocolVersion });
    client.on('message', (_, payload) => {
      const { id } = JSON.parse(payload.toString());
      tellEvent('received', { id, atMs: clockMs() });
    });
    for (const topic of topics) await client.subscribeAsync(topic, { qos: 1 });
  },
});
