import { connect } from '@setpoint/client';
import { z } from 'zod';

// A service as a process of its own, for tests that kill it: <url> <prefix> <instance>.
const [url, prefix, instance] = process.argv.slice(2) as [string, string, string];
const schema = z.looseObject({ vad: z.looseObject({ threshold: z.number() }) });
const config = await connect({ url, prefix, instance, service: 'stt-worker', schema, cacheDir: false });
process.stdout.write(`up ${config.current.vad.threshold}\n`);
