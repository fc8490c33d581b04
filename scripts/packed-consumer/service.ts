// A user's service, outside the workspace: check-packed.ts compiles it and runs it against the packed packages.
import { connect } from '@setpoint/client';
import { z } from 'zod';

const schema = z.object({ vad: z.object({ threshold: z.number().min(0).max(1) }) });

await using config = await connect({
  url: process.argv[2] ?? 'mqtt://127.0.0.1:1883',
  service: 'stt-worker',
  schema,
  cacheDir: false,
  withoutSnapshot: 'fail',
});
const threshold: number = config.current.vad.threshold;
process.stdout.write(`threshold ${threshold}\n`);
