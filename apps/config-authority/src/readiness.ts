import type { Bus } from '@setpoint/bus';
import type { Engine } from '@setpoint/engine';
import { createProblem, type Fault, type Problem, SetpointError } from '@setpoint/protocol';

/** Whether the authority can work, as `/health/ready` answers it. */
export interface Readiness {
  readonly isReady: boolean;
  /** What keeps it from being ready, and what is wrong although it works. */
  readonly reasons: readonly string[];
}

export interface ReadinessSources {
  readonly bus: Pick<Bus, 'status'>;
  readonly engine: Pick<Engine, 'problems'>;
  /** Whether the broker delivers requests. */
  readonly isListening: boolean;
  /** What is wrong with the files of policy and rules. */
  readonly ruleFaults: readonly Fault[];
}

export function readinessOf({ bus, engine, isListening, ruleFaults }: ReadinessSources): Readiness {
  const isConnected = bus.status.kind === 'connected';
  const reasons = [
    ...(isConnected ? [] : [`the broker is not connected (${bus.status.kind})`]),
    ...(isListening ? [] : ['the broker does not deliver requests yet']),
    ...[...engine.problems()].map(([service, { detail }]) => `${service}: ${detail}`),
    ...ruleFaults.map(({ file, line, message }) => `${file}:${line ?? 1}: ${message}`),
  ];
  return { isReady: isConnected && isListening, reasons };
}

/** Everything that is wrong with files, as one problem for the health report; undefined when all is well. */
export function fileProblem(engine: Pick<Engine, 'problems'>, ruleFaults: readonly Fault[]): Problem | undefined {
  const problems = [...engine.problems()];
  if (problems.length === 0 && ruleFaults.length === 0) return undefined;
  const services = problems.map(([service]) => service).join(', ');
  const ruleFiles = [...new Set(ruleFaults.map(({ file }) => file))].join(', ');
  const advice = [
    ...(problems.length > 0 ? [`the last good documents stay in force; mend the files of: ${services}`] : []),
    ...(ruleFaults.length > 0 ? [`these files of rules and policy are passed over: ${ruleFiles}`] : []),
  ];
  const errors = [...problems.flatMap(([, { errors: faults = [] }]) => faults), ...ruleFaults];
  return createProblem('file_invalid', advice.join('; '), errors);
}

/**
 * Refuses to start with a service whose files are faulty and which has no earlier version to fall back to.
 * @throws SetpointError `file_invalid`, with every fault of every such service
 */
export function refuseFaultyFirstStart(
  engine: Pick<Engine, 'problems'>,
  hasVersion: (service: string) => boolean,
): void {
  const problems = [...engine.problems()].filter(([service]) => !hasVersion(service));
  if (problems.length === 0) return;
  const explained = problems.map(([service, problem]) => `${service}: ${explainProblem(problem)}`);
  const detail =
    'the configuration is not valid, and there is no earlier version to go on with; mend it and start again';
  const faults = problems.flatMap(([, { errors = [] }]) => errors);
  throw new SetpointError('file_invalid', `${detail}\n${explained.join('\n')}`, { faults });
}

/** The problem of a file as text, one line for each fault. */
export function explainProblem({ detail, errors = [] }: Problem): string {
  const lines = errors.map(({ file, line, pointer, message, expected, received }) => {
    const place = file === undefined ? '' : `${file}:${line ?? 1}: `;
    const difference = received === undefined ? '' : ` (expected ${expected}, received ${received})`;
    return `${place}${pointer} ${message}${difference}`;
  });
  return [detail, ...lines].join('\n  ');
}
