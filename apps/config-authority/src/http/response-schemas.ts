import type { InstanceState } from '@setpoint/engine';
import {
  type Blame,
  type Difference,
  type DraftSummary,
  type Explanation,
  type Fault,
  type Fix,
  faultMembers,
  type JsonObject,
  type LayerName,
  type LogEntry,
  layerNames,
  type Pointer,
  type Profile,
  type ResultBase,
  type SearchHit,
  type Tag,
  wireCodes,
} from '@setpoint/protocol';
import { z } from 'zod';
import { apiSchemas, count, digest, jsonObject, jsonValue, name, version } from './fields.ts';
import type { Performed } from './perform.ts';
import { type HttpProblemBody, httpCodes } from './problems.ts';

// The schemas of responses. They describe what is sent; nothing is parsed with them, so casts can hide no bad input.

// A pointer is plain text here: its pattern would not help readers of the API.
const fault: z.ZodType<Fault> = z.object({ ...faultMembers, pointer: z.string() }).register(apiSchemas, {
  id: 'Fault',
  description: 'One thing that is wrong at one place.',
}) as z.ZodType as z.ZodType<Fault>;

const fix: z.ZodType<Fix> = z
  .object({ patch: z.array(jsonObject), complete: z.boolean(), remaining: z.array(fault) })
  .register(apiSchemas, {
    id: 'Fix',
    description: 'A JSON Patch that would mend what is wrong. Nothing was changed.',
  }) as z.ZodType as z.ZodType<Fix>;

const problemMembers = {
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum([...wireCodes, ...httpCodes]),
  errors: z.array(fault).exactOptional(),
  fix: fix.exactOptional(),
  requestId: z.string(),
};
export const problem: z.ZodType<HttpProblemBody> = z
  .object(problemMembers)
  .register(apiSchemas, { id: 'Problem', description: 'A refusal (RFC 9457).' }) as z.ZodType<HttpProblemBody>;

const resultMembers = {
  status: z.enum(['applied', 'unchanged', 'valid', 'found']),
  service: name,
  epoch: version,
  version: count,
  digest: digest.exactOptional(),
  changed: z.array(z.string()),
  restartRequired: z.array(z.string()),
  warnings: z.array(fault),
  services: z.record(z.string(), count).exactOptional(),
};
/** What is sent of a result that is no refusal. */
export type ResultBody = ResultBase & {
  readonly status: Performed['status'];
  readonly services?: Readonly<Record<string, number>>;
};

export const result: z.ZodType<ResultBody> = z.object(resultMembers).register(apiSchemas, {
  id: 'Result',
  description: 'What became of a change, and where the service stands after it.',
});

const layerMembers = {
  layer: z.enum(layerNames),
  file: z.string().exactOptional(),
  line: count.exactOptional(),
  name: z.string().exactOptional(),
  author: z.string().exactOptional(),
  version: count.exactOptional(),
  at: z.string().exactOptional(),
  reason: z.string().exactOptional(),
};

const explanation: z.ZodType<Explanation> = z
  .object({
    pointer: z.string(),
    value: jsonValue,
    ...layerMembers,
    hot: z.boolean(),
    secret: z.boolean(),
    description: z.string().exactOptional(),
    beneath: z.array(z.object({ value: jsonValue, ...layerMembers })),
  })
  .register(apiSchemas, { id: 'Explanation', description: 'Where a value comes from, and what it hides.' });

const logEntry: z.ZodType<LogEntry> = z
  .object({
    service: name.exactOptional(),
    commit: count.exactOptional(),
    version,
    digest,
    committedAt: z.string(),
    author: z.string(),
    reason: z.string(),
    changed: z.array(z.string()),
    deleted: z.boolean().exactOptional(),
  })
  .register(apiSchemas, { id: 'LogEntry', description: 'One version.' });

const difference: z.ZodType<Difference> = z
  .object({ pointer: z.string(), before: jsonValue.exactOptional(), after: jsonValue.exactOptional() })
  .register(apiSchemas, { id: 'Difference' });

/** A service in the list of them. */
export interface ServiceSummary {
  readonly service: string;
  readonly epoch: number;
  readonly version: number;
  readonly digest: string;
  readonly author: string;
  readonly reason: string;
  readonly committedAt: string;
  /** What is wrong with its files. */
  readonly problem?: { readonly code: string; readonly detail: string; readonly errors?: readonly Fault[] };
}

const summaryMembers = {
  service: name,
  epoch: version,
  version,
  digest,
  author: z.string(),
  reason: z.string(),
  committedAt: z.string(),
};

export const serviceList: z.ZodType<{ readonly services: readonly ServiceSummary[] }> = z.object({
  services: z.array(
    z
      .object({
        ...summaryMembers,
        problem: z
          .object({ code: z.string(), detail: z.string(), errors: z.array(fault).exactOptional() })
          .exactOptional(),
      })
      .register(apiSchemas, { id: 'ServiceSummary' }),
  ),
});

/** Where a value of a document comes from. */
export interface Source {
  readonly layer: LayerName;
  readonly file?: string;
  readonly line?: number;
  readonly name?: string;
  readonly author?: string;
  readonly version?: number;
  readonly at?: string;
  readonly reason?: string;
  readonly hot: boolean;
  readonly secret: boolean;
}

/** The document of a service, or an older one of it. */
export interface ServiceDocument extends Omit<ServiceSummary, 'problem'> {
  readonly values: JsonObject;
  readonly secrets: readonly Pointer[];
  readonly restartRequired: readonly Pointer[];
  readonly sources: Readonly<Record<Pointer, Source>>;
}

export const serviceDocument: z.ZodType<ServiceDocument> = z
  .object({
    ...summaryMembers,
    values: jsonObject,
    secrets: z.array(z.string()),
    restartRequired: z.array(z.string()),
    sources: z.record(z.string(), z.object({ ...layerMembers, hot: z.boolean(), secret: z.boolean() })),
  })
  .register(apiSchemas, {
    id: 'ServiceDocument',
    description: 'The document of a service; secrets are masked.',
  });

/** A page of the history; `next` goes on where it ends. */
export interface History {
  readonly history: readonly LogEntry[];
  readonly next: number | null;
}

export const history: z.ZodType<History> = z
  .object({
    history: z.array(logEntry),
    next: count
      .nullable()
      .register(apiSchemas, { description: 'For `before`, to get the next page; null at the end.' }),
  })
  .register(apiSchemas, { id: 'History', description: 'Versions, newest first.' });

export const differences: z.ZodType<{ readonly diff: readonly Difference[] }> = z.object({
  diff: z.array(difference),
});

export const explanations: z.ZodType<{ readonly explanation: readonly Explanation[] }> = z.object({
  explanation: z.array(explanation),
});

export const blames: z.ZodType<{ readonly blame: readonly Blame[] }> = z.object({
  blame: z.array(
    z
      .object({
        pointer: z.string(),
        version,
        author: z.string(),
        reason: z.string(),
        committedAt: z.string(),
      })
      .register(apiSchemas, { id: 'Blame' }),
  ),
});

const mark = { author: z.string(), reason: z.string(), at: z.string() };

export const tags: z.ZodType<{ readonly tags: readonly Tag[] }> = z.object({
  tags: z.array(z.object({ service: name, tag: z.string(), version, ...mark }).register(apiSchemas, { id: 'Tag' })),
});

export const drafts: z.ZodType<{ readonly drafts: readonly DraftSummary[] }> = z.object({
  drafts: z.array(
    z.object({ service: name, draft: z.string(), base: count, ...mark }).register(apiSchemas, { id: 'Draft' }),
  ),
});

export const profiles: z.ZodType<{ readonly profiles: readonly Profile[] }> = z.object({
  profiles: z.array(
    z
      .object({ profile: z.string(), services: z.record(z.string(), count), ...mark })
      .register(apiSchemas, { id: 'Profile' }),
  ),
});

export const hits: z.ZodType<{ readonly hits: readonly SearchHit[] }> = z.object({
  hits: z.array(
    z
      .object({
        service: name,
        pointer: z.string(),
        value: jsonValue,
        score: z.number(),
        description: z.string().exactOptional(),
      })
      .register(apiSchemas, {
        id: 'SearchHit',
        description: 'Score: 1 exact, 0.8 prefix, 0.6 contains, 0.3 in the description.',
      }),
  ),
});

const standings = ['applied', 'pending', 'rejected', 'restartPending', 'offline'] as const;

export const instances: z.ZodType<{ readonly instances: readonly InstanceState[] }> = z.object({
  instances: z.array(
    z
      .object({
        standing: z
          .enum(standings)
          .nullable()
          .register(apiSchemas, { description: 'null: there is nothing that it should run.' }),
        silent: z.boolean(),
        since: z.string().nullable().register(apiSchemas, {
          description: 'From when on it is in this state and runs this version; null where nobody knows.',
        }),
        // What an instance says of itself is described where the messages are.
        health: jsonObject,
      })
      .register(apiSchemas, {
        id: 'Instance',
        description: 'What an instance said last; `health` is a setpoint.health.v1.',
      }),
  ),
}) as z.ZodType as z.ZodType<{ readonly instances: readonly InstanceState[] }>;
