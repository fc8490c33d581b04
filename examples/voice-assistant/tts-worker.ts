import { connect } from '@setpoint/client';
import { ttsWorkerSchema } from './schemas/tts-worker.ts';
import { ended, type Stage } from './stage.ts';

/** Text to speech. */
export async function runTtsWorker({ broker, signal, onChange }: Stage): Promise<void> {
  await using config = await connect({ ...broker, service: 'tts-worker', schema: ttsWorkerSchema, signal });
  config.onChange((change) => onChange('tts-worker', change));

  const { engine, voice } = config.current;
  console.log(`tts-worker  speaks with ${engine.name} as ${voice.id}, at ${voice.speed} times the speed`);
  await ended(signal);
}
