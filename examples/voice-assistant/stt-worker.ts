import { connect } from '@setpoint/client';
import { sttWorkerSchema } from './schemas/stt-worker.ts';
import { ended, type Stage } from './stage.ts';

/** Speech to text. */
export async function runSttWorker({ broker, signal, onChange }: Stage): Promise<void> {
  await using config = await connect({ ...broker, service: 'stt-worker', schema: sttWorkerSchema, signal });
  config.onChange((change) => onChange('stt-worker', change));

  // `current` is always the document in force: read it where you need it instead of keeping a copy.
  const { whisper, vad } = config.current;
  console.log(`stt-worker  hears with whisper ${whisper.model}, voice from ${vad.threshold}`);
  await ended(signal);
}
