import type { Logger } from '@setpoint/participant';
import { createRateLimitedLog, type HealthReporter, toProblem } from '@setpoint/participant';
import { createProblem } from '@setpoint/protocol';
import type { Outcome } from '../configuration/configuration.ts';
import type { Staleness, StalenessOptions } from '../configuration/staleness.ts';

export interface OutcomeReportsOptions {
  readonly service: string;
  readonly staleness: StalenessOptions | undefined;
  readonly logger: Logger;
  readonly health: Pick<HealthReporter, 'health' | 'refresh' | 'report'>;
}

/** Says in the log and in health what came of a snapshot, and how old what runs may be. */
export interface OutcomeReports {
  tell(outcome: Outcome): void;
  tellStaleness(staleness: Staleness): void;
}

export function createOutcomeReports({ service, staleness, logger, health }: OutcomeReportsOptions): OutcomeReports {
  // Of these a stranger can cause as many as they like.
  const logLimited = createRateLimitedLog(logger);

  function applied({ isFirst, restartRequired }: Extract<Outcome, { kind: 'applied' }>): void {
    // The broker has another one, whose rejection was told, and holds.
    const isInstead = health.health().config?.lastAttempt?.outcome === 'rejected';
    if (isInstead) return health.refresh();
    health.report('ready', isFirst ? 'ready' : restartRequired.length > 0 ? 'restart_required' : 'config_applied');
  }

  /** What made this process say degraded, a forged message say, is over when the broker has what runs. */
  function skipped({ reason }: Extract<Outcome, { kind: 'skipped' }>): void {
    // It is the present version now that was rejected.
    if (reason === 'failed_before') return health.refresh();
    if (reason !== 'duplicate') return;
    const { config, state } = health.health();
    const isFine = config?.lastAttempt?.outcome === 'applied';
    if (isFine && state === 'degraded') return health.report('ready', 'ready');
    // The authority publishes it again for one of which it has no report of this version.
    health.refresh();
  }

  return {
    tell(outcome) {
      switch (outcome.kind) {
        case 'applied':
          return applied(outcome);
        case 'confirmed':
          return health.report('ready', 'ready');
        case 'rejected': {
          const { error } = outcome;
          logger.error({ service, err: error }, 'a snapshot was not applied; the one before stays in force');
          return health.report('degraded', 'config_rejected', toProblem(error, 'handler_failed'));
        }
        case 'refused': {
          const { error } = outcome;
          const message = 'a snapshot was refused; the one before stays in force';
          logLimited('error', error.code, { service, err: error }, message);
          return health.report('degraded', 'degraded', toProblem(error, 'snapshot_refused'));
        }
        case 'deleted': {
          const message = 'the service was deleted at the authority; the document in force stays';
          logLimited('warn', 'deleted', { service }, message);
          return health.report('degraded', 'degraded', createProblem('service_unknown', 'the service was deleted'));
        }
        case 'skipped':
          return skipped(outcome);
      }
    },
    tellStaleness(level) {
      const silentMs = { fresh: undefined, soft: staleness?.softMs, hard: staleness?.hardMs }[level];
      const message =
        silentMs === undefined
          ? 'the authority is heard again'
          : `the authority has been silent for ${silentMs} ms: the document in force stays, and may be behind`;
      // Not as `level`, which is the log's own.
      logger.warn({ service, staleness: level }, message);
    },
  };
}
