import { connect } from '@setpoint/client';
import { llmWorkerSchema } from './schemas/llm-worker.ts';
import { ended, type Stage } from './stage.ts';

/** Decides what to say. */
export async function runLlmWorker({ broker, signal, onChange }: Stage): Promise<void> {
  await using config = await connect({ ...broker, service: 'llm-worker', schema: llmWorkerSchema, signal });
  config.onChange((change) => onChange('llm-worker', change));

  const { model, tools } = config.current;
  console.log(`llm-worker  thinks with ${model.name} at ${model.temperature}, may use ${tools.allowed.join(', ')}`);
  await ended(signal);
}
