import type { ResultStatus } from '@setpoint/protocol';

/** How a run ended, for scripts. */
export const exitCodes = {
  /** Applied, unchanged, valid, found. */
  done: 0,
  /** The authority rejected it, or what was asked for does not exist or can't be believed. */
  refused: 2,
  /** The service is not at the expected version. */
  conflict: 3,
  /** The authority or the broker does not allow it. */
  denied: 4,
  /** The broker or the authority did not answer in time. */
  noAnswer: 5,
  /** The command line is wrong, or names a file that can't be read. */
  usage: 64,
  /** A fault of this program. */
  fault: 70,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command. `message` says what, why and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  /** A stable word for `--json`. */
  readonly code: string;

  constructor(
    outcome: keyof typeof exitCodes,
    message: string,
    { code = outcome, ...options }: CommandErrorOptions = {},
  ) {
    super(message, options);
    this.exitCode = exitCodes[outcome];
    this.code = code;
  }
}

export type CommandErrorOptions = ErrorOptions & {
  /** @default the outcome */
  readonly code?: string;
};

const byStatus: Readonly<Record<ResultStatus, ExitCode>> = {
  applied: exitCodes.done,
  unchanged: exitCodes.done,
  valid: exitCodes.done,
  found: exitCodes.done,
  duplicate: exitCodes.done,
  rejected: exitCodes.refused,
  conflict: exitCodes.conflict,
  denied: exitCodes.denied,
};

export const exitCodeOf = (status: ResultStatus): ExitCode => byStatus[status];

/** What the packages beneath throw because of how they were called; anything else of theirs is a refusal. */
const usageCodes = [
  'name_invalid',
  'pointer_invalid',
  'options_invalid',
  'key_malformed',
  'url_invalid',
  'tls_invalid',
  'topic_invalid',
  'template_unreadable',
  'template_unknown',
  'parameter_invalid',
];

export interface Failure {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
}

/** What an error means to the one who gave the command. */
export function toFailure(cause: unknown): Failure {
  if (cause instanceof CommandError) return cause;
  if (isCoded(cause)) {
    const { code, message } = cause;
    const exitCode = usageCodes.includes(code)
      ? exitCodes.usage
      : code === 'no_answer'
        ? exitCodes.noAnswer
        : exitCodes.refused;
    return { exitCode, code, message };
  }
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return { exitCode: exitCodes.fault, code: 'fault', message: `a fault of this program: ${text}` };
}

/** By name, so that a usage error is told without loading the packages that these classes come from. */
const isCoded = (cause: unknown): cause is Error & { code: string } =>
  cause instanceof Error && ['SetpointError', 'BusError', 'TemplateError'].includes(cause.name);
