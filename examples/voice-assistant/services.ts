import type { z } from 'zod';
import { llmWorkerSchema } from './schemas/llm-worker.ts';
import { sttWorkerSchema } from './schemas/stt-worker.ts';
import { ttsWorkerSchema } from './schemas/tts-worker.ts';

/** Every service of the assistant with its schema. */
export const schemas: Readonly<Record<string, z.ZodType>> = {
  'llm-worker': llmWorkerSchema,
  'stt-worker': sttWorkerSchema,
  'tts-worker': ttsWorkerSchema,
};
