import { z } from 'zod';
import { restart, secret } from './annotations.ts';

const model = z.object({
  name: z.string().min(1).max(100).default('llama-3.1-8b-instruct'),
  temperature: z.number().min(0).max(2).default(0.7),
  topP: z.number().gt(0).max(1).default(0.95),
  maxTokens: z.int().min(1).max(32_768).default(512),
  contextTokens: z.int().min(512).max(1_000_000).default(8192),
  stop: z.array(z.string().min(1)).max(8).default([]),
  seed: z.int().nullable().default(null).describe('null: another answer every time.'),
  fallbacks: z.array(z.string().min(1)).max(3).default([]).describe('Models to ask when the first does not answer.'),
});

const provider = z.object({
  kind: z.enum(['local', 'openai-compatible', 'bedrock']).default('local').meta(restart),
  url: z.url().default('http://127.0.0.1:11434/v1'),
  apiKey: z.string().max(200).default('').meta(secret),
  organization: z.string().max(100).default(''),
  timeoutMs: z.int().min(500).max(300_000).default(20_000),
  retries: z.int().min(0).max(5).default(1),
  maxConcurrent: z.int().min(1).max(256).default(4).meta(restart),
});

const conversation = z.object({
  instructions: z.string().max(8000).default('You are the voice of a house. Answer in one or two short sentences.'),
  historyTurns: z.int().min(0).max(100).default(12),
  idleMinutes: z.int().min(1).max(1440).default(10).describe('After this long without a word a new talk begins.'),
  language: z.enum(['as-heard', 'de', 'en', 'es', 'fr', 'it']).default('as-heard'),
  streaming: z.boolean().default(true),
});

const tools = z.object({
  enabled: z.boolean().default(true),
  allowed: z
    .array(z.enum(['lights', 'heating', 'music', 'timer', 'weather', 'calendar', 'shopping-list', 'web-search']))
    .default(['lights', 'heating', 'music', 'timer', 'weather']),
  confirm: z
    .array(z.enum(['heating', 'calendar', 'shopping-list', 'web-search']))
    .default(['calendar'])
    .describe('Tools that ask before they act.'),
  maxCalls: z.int().min(0).max(20).default(4),
  timeoutMs: z.int().min(100).max(60_000).default(8000),
});

const safety = z.object({
  filter: z.enum(['off', 'relaxed', 'strict']).default('strict'),
  blockedTopics: z.array(z.string().min(1).max(100)).max(50).default([]),
  redactNames: z.boolean().default(true),
});

const memory = z.object({
  enabled: z.boolean().default(false),
  databaseUrl: z.string().max(500).default('').meta(secret),
  maxEntries: z.int().min(0).max(100_000).default(1000),
  minSimilarity: z.number().min(0).max(1).default(0.75),
});

const limits = z.object({
  requestsPerMinute: z.int().min(1).max(10_000).default(60),
  tokensPerDay: z.int().min(0).max(1_000_000_000).default(2_000_000),
});

/** Decides what to say. */
export const llmWorkerSchema = z.object({
  model: model.prefault({}),
  provider: provider.prefault({}),
  conversation: conversation.prefault({}),
  tools: tools.prefault({}),
  safety: safety.prefault({}),
  memory: memory.prefault({}),
  limits: limits.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});
