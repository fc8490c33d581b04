import { z } from 'zod';
import { restart, secret } from './annotations.ts';

const engine = z.object({
  name: z.enum(['piper', 'coqui', 'elevenlabs', 'azure']).default('piper').meta(restart),
  device: z.enum(['cpu', 'cuda']).default('cpu').meta(restart),
  threads: z.int().min(1).max(64).default(2).meta(restart),
  warmUp: z.boolean().default(true).describe('Speak once into nothing at start, so that the first answer is quick.'),
});

const voice = z.object({
  id: z.string().min(1).max(100).default('en_US-amy-medium'),
  language: z
    .string()
    .regex(/^[a-z]{2}-[A-Z]{2}$/)
    .default('en-US'),
  speed: z.number().min(0.25).max(4).default(1),
  pitch: z.number().min(-12).max(12).default(0).describe('In semitones.'),
  volume: z.number().min(0).max(2).default(1),
  style: z.enum(['neutral', 'cheerful', 'calm', 'serious']).default('neutral'),
  fallbacks: z.array(z.string().min(1)).max(5).default([]).describe('Voices to try when the first is not there.'),
});

const audio = z.object({
  format: z.enum(['pcm', 'wav', 'opus', 'mp3']).default('pcm'),
  sampleRateHz: z.union([z.literal(16_000), z.literal(22_050), z.literal(44_100), z.literal(48_000)]).default(22_050),
  bitrateKbps: z.int().min(8).max(320).default(64),
  normalize: z.boolean().default(true),
  fadeOutMs: z.int().min(0).max(1000).default(20),
  leadingSilenceMs: z.int().min(0).max(2000).default(0),
});

const text = z.object({
  maxCharacters: z.int().min(50).max(20_000).default(2000),
  splitSentences: z.boolean().default(true),
  expandNumbers: z.boolean().default(true),
  readEmoji: z.boolean().default(false),
  pronunciations: z
    .array(z.object({ word: z.string().min(1), ipa: z.string().min(1) }))
    .max(500)
    .default([]),
});

const playback = z.object({
  interruptible: z.boolean().default(true).describe('Falls silent when somebody begins to speak.'),
  duckingDb: z.number().min(-60).max(0).default(-18),
  queueLimit: z.int().min(1).max(100).default(8),
  bufferMs: z.int().min(20).max(5000).default(200),
});

const cache = z.object({
  enabled: z.boolean().default(true),
  maxMegabytes: z.int().min(1).max(100_000).default(256),
  ttlHours: z.int().min(1).max(8760).default(168),
});

const cloud = z.object({
  url: z.url().default('https://speech.example.com'),
  region: z.enum(['eu', 'us', 'asia']).default('eu'),
  apiKey: z
    .string()
    .max(200)
    .default('')
    .meta({ ...secret, description: 'For the engines that run elsewhere.' }),
  timeoutMs: z.int().min(500).max(60_000).default(5000),
  retries: z.int().min(0).max(5).default(2),
});

/** Text to speech. */
export const ttsWorkerSchema = z.object({
  engine: engine.prefault({}),
  voice: voice.prefault({}),
  audio: audio.prefault({}),
  text: text.prefault({}),
  playback: playback.prefault({}),
  cache: cache.prefault({}),
  cloud: cloud.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});
