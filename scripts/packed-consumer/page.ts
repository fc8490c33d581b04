// A user's page: check-packed.ts bundles it with the packed packages and opens it in a browser, where no broker is.
import { connect } from '@setpoint/client';
import { z } from 'zod';

const schema = z.object({ vad: z.object({ threshold: z.number().default(0.5) }).prefault({}) });

const connection = await connect({ url: 'ws://127.0.0.1:1', service: 'stt-worker', schema, startTimeoutMs: 0 });
console.log(`threshold ${connection.current.vad.threshold}`);
