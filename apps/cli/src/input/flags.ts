/** Options that several commands have: their flags and what `--help` says of them. */
export const reason = ['--reason <text>', 'why, for the history'] as const;
export const acceptRestart = ['--accept-restart', 'also what takes effect at the next start only'] as const;
export const byAuthor = ['--author <name>', 'only by this operator'] as const;
export const since = ['--since <time>', 'only since then: 2026-06-01, 2026-06-01T12:00:00Z, 15m, 24h, 30d'] as const;
export const touching = [
  '--pointer <pointer>',
  'only what changed this setting, something in it or around it',
] as const;
export const at = ['--at <time>', 'as it was then: 2026-06-01T12:00:00Z, 15m, 24h'] as const;
export const ifVersion = [
  '--if-version <n>',
  'only if the service is at this version; 0: only if it does not exist',
] as const;

export const schemaFile = ['--file <schema.json>', 'a schema of this machine; the authority is not asked'] as const;

export const out = ['--out <file>', 'write into this file'] as const;

export const force = ['--force', 'replace what is there'] as const;

export const folder = ['--dir <folder>', 'a folder of templates other than those that come along'] as const;

export const target = ['--out <folder>', 'where to write (else here)'] as const;

export const environment = [
  '--environment <name>',
  'development, production…; decides what defaults the template has',
] as const;

export const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const param: readonly [string, string, typeof collect] = [
  '--param <name=value>',
  'a parameter of the template; may be given several times',
  collect,
];
