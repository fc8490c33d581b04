import type { Logger } from '@setpoint/participant';
import { createRateLimitedLog, type HealthReporter, toProblem } from '@setpoint/participant';
import { createProblem } from '@setpoint/protocol';
import type { ApplyOutcome } from '../configuration/apply-outcome.ts';
import type { Staleness, StalenessOptions } from '../configuration/staleness.ts';

export interface ApplyReportsOptions {
  readonly service: string;
  readonly staleness: StalenessOptions | undefined;
  readonly logger: Logger;
  readonly health: Pick<HealthReporter, 'health' | 'refresh' | 'report'>;
}

/** Tells the log and the health report what became of each snapshot, and how stale the document may be. */
export interface ApplyReports {
  reportOutcome(outcome: ApplyOutcome): void;
  reportStaleness(staleness: Staleness): void;
}

export function createApplyReports({ service, staleness, logger, health }: ApplyReportsOptions): ApplyReports {
  // For events that anybody who can publish to the broker can cause.
  const logLimited = createRateLimitedLog(logger);

  function applied({ isFirst, restartRequired }: Extract<ApplyOutcome, { kind: 'applied' }>): void {
    // The broker has another version, whose rejection was reported and still holds.
    const isStandIn = health.health().config?.lastAttempt?.outcome === 'rejected';
    if (isStandIn) return health.refresh();
    health.report('ready', isFirst ? 'ready' : restartRequired.length > 0 ? 'restart_required' : 'config_applied');
  }

  /** Once the broker has the version that runs, a reason to report degraded, such as a forged message, is over. */
  function skipped({ reason }: Extract<ApplyOutcome, { kind: 'skipped' }>): void {
    // The rejected content is now the newest version.
    if (reason === 'failed_before') return health.refresh();
    if (reason !== 'duplicate') return;
    const { config, state } = health.health();
    const isFine = config?.lastAttempt?.outcome === 'applied';
    if (isFine && state === 'degraded') return health.report('ready', 'ready');
    // The authority publishes a version again to instances that have not reported it.
    health.refresh();
  }

  return {
    reportOutcome(outcome) {
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
    reportStaleness(level) {
      const silentMs = { fresh: undefined, soft: staleness?.softMs, hard: staleness?.hardMs }[level];
      const message =
        silentMs === undefined
          ? 'the authority is heard again'
          : `the authority has been silent for ${silentMs} ms: the document in force stays, and may be behind`;
      // Not named `level`, which is a field of the log itself.
      logger.warn({ service, staleness: level }, message);
    },
  };
}
