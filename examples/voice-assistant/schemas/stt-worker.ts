import { z } from 'zod';
import { restart, secret } from './annotations.ts';

const audio = z.object({
  sampleRateHz: z
    .union([z.literal(8000), z.literal(16_000), z.literal(48_000)])
    .default(16_000)
    .meta({ ...restart, description: 'What the microphones deliver.' }),
  channels: z.int().min(1).max(8).default(1),
  frameMs: z
    .union([z.literal(10), z.literal(20), z.literal(30)])
    .default(30)
    .describe('Length of the frames that voice is looked for in.'),
  gainDb: z.number().min(-30).max(30).default(0),
  noiseSuppression: z.enum(['off', 'low', 'medium', 'high']).default('medium'),
  echoCancellation: z.boolean().default(true),
});

const vad = z.object({
  enabled: z.boolean().default(true),
  threshold: z.number().min(0).max(1).default(0.5).describe('How sure it must be that somebody speaks.'),
  minSpeechMs: z.int().min(0).max(5000).default(250),
  minSilenceMs: z.int().min(0).max(10_000).default(700).describe('A pause this long ends an utterance.'),
  speechPadMs: z.int().min(0).max(2000).default(120),
  maxUtteranceMs: z.int().min(1000).max(120_000).default(30_000),
});

const whisper = z.object({
  model: z
    .enum([
      'tiny',
      'tiny.en',
      'base',
      'base.en',
      'small',
      'small.en',
      'medium',
      'medium.en',
      'large-v1',
      'large-v2',
      'large-v3',
      'large-v3-turbo',
    ])
    .default('base'),
  language: z
    .string()
    .regex(/^[a-z]{2}$/)
    .nullable()
    .default(null)
    .describe('ISO 639-1; null: whichever is heard.'),
  task: z.enum(['transcribe', 'translate']).default('transcribe'),
  device: z.enum(['cpu', 'cuda', 'metal']).default('cpu').meta(restart),
  computeType: z.enum(['float32', 'float16', 'int8']).default('int8').meta(restart),
  threads: z.int().min(1).max(128).default(4).meta(restart),
  beamSize: z.int().min(1).max(10).default(5),
  temperature: z.number().min(0).max(1).default(0),
  noSpeechThreshold: z.number().min(0).max(1).default(0.6),
  contextText: z.string().max(500).default(''),
  wordTimestamps: z.boolean().default(false),
});

const vocabulary = z.object({
  hotwords: z.array(z.string().min(1).max(60)).max(200).default([]).describe('Names that are hard to hear.'),
  hotwordBoost: z.number().min(0).max(10).default(2),
  replacements: z
    .array(z.object({ heard: z.string().min(1), written: z.string() }))
    .max(500)
    .default([]),
});

const wakeWord = z.object({
  enabled: z.boolean().default(true),
  phrases: z.array(z.string().min(2).max(40)).min(1).max(5).default(['hey assistant']),
  sensitivity: z.number().min(0).max(1).default(0.5),
  timeoutMs: z.int().min(500).max(60_000).default(8000),
});

const output = z.object({
  partialResults: z.boolean().default(true),
  partialIntervalMs: z.int().min(50).max(5000).default(300),
  punctuate: z.boolean().default(true),
  profanity: z.enum(['keep', 'mask', 'drop']).default('keep'),
});

const modelHub = z.object({
  url: z.url().default('https://models.example.com'),
  token: z
    .string()
    .max(200)
    .default('')
    .meta({ ...secret, description: 'Opens the model store.' }),
  timeoutMs: z.int().min(1000).max(600_000).default(60_000),
});

/** Speech to text. */
export const sttWorkerSchema = z.object({
  audio: audio.prefault({}),
  vad: vad.prefault({}),
  whisper: whisper.prefault({}),
  vocabulary: vocabulary.prefault({}),
  wakeWord: wakeWord.prefault({}),
  output: output.prefault({}),
  modelHub: modelHub.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});
