import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Policies, RuleSet } from '@setpoint/engine';
import { type Fault, SetpointError } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { openPolicyFile } from './policy-file.ts';
import { openRuleFiles } from './rule-files.ts';

/** The policies and rules that the engine asks at every decision. */
export interface RulesInForce {
  policies?: Policies;
  rules?: RuleSet;
}

/** The policy and the rules of a folder of configuration, in force for as long as they are open. */
export interface OrganisationRules {
  /** What is wrong with their files; empty when all is well. */
  problems(): readonly Fault[];
  stop(): Promise<void>;
}

export interface OrganisationRulesOptions {
  readonly configDir: string;
  /** It has to be there. @default `_rules` in the folder of configuration, where there is one */
  readonly rulesDir?: string | undefined;
  readonly inForce: RulesInForce;
  readonly logger: Logger;
  /** Told after each change of them, good or bad. */
  readonly onRead: () => void;
}

/**
 * Puts both into force; to be called before the first document is taken in.
 * @throws SetpointError `options_invalid` where the folder that was named is not there
 */
export async function openOrganisationRules(options: OrganisationRulesOptions): Promise<OrganisationRules> {
  const { configDir, rulesDir = join(configDir, '_rules'), inForce, logger, onRead } = options;
  if (options.rulesDir !== undefined) await requireFolder(options.rulesDir);
  const policy = await openPolicyFile({
    path: join(configDir, '_policy.yaml'),
    onPolicies(policies) {
      inForce.policies = policies;
    },
    onRead,
    logger,
  });
  const onRules = (rules: RuleSet): void => {
    inForce.rules = rules;
  };
  const rules = await openRuleFiles({ directory: rulesDir, onRules, onRead, logger }).catch(async (cause) => {
    await policy.stop();
    throw cause;
  });
  return {
    problems: () => [...policy.problems(), ...rules.problems()],
    async stop() {
      await Promise.all([policy.stop(), rules.stop()]);
    },
  };
}

/** Without it none of its rules would be asked, and nobody would notice. */
async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (!(found instanceof Error) && found.isDirectory()) return;
  const why =
    found instanceof Error
      ? found.code === 'ENOENT'
        ? 'is not there'
        : `can't be read (${found.code})`
      : 'is no folder';
  throw new SetpointError(
    'options_invalid',
    `the folder of rules ${path} ${why}; make it, or set SETPOINT_RULES_DIR to another`,
  );
}
