import { join } from 'node:path';
import type { Engine } from '@setpoint/engine';
import type { Fault } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { openPolicyFile } from './policy-file.ts';
import { openRuleFiles } from './rule-files.ts';

/** The policy and the rules of a folder of configuration, in force for as long as they are open. */
export interface HouseRules {
  /** What is wrong with their files; empty when all is well. */
  problems(): readonly Fault[];
  stop(): Promise<void>;
}

export interface HouseRulesOptions {
  readonly configDir: string;
  /** @default `_rules` in the folder of configuration */
  readonly rulesDir?: string | undefined;
  readonly engine: Engine;
  readonly logger: Logger;
  /** Told after each change of them, good or bad. */
  readonly onRead: () => void;
}

/** Puts both into force; to be called before the first document is taken in. */
export async function openHouseRules(options: HouseRulesOptions): Promise<HouseRules> {
  const { configDir, rulesDir = join(configDir, '_rules'), engine, logger, onRead } = options;
  const policy = await openPolicyFile({
    path: join(configDir, '_policy.yaml'),
    onPolicies: (policies) => engine.setPolicies(policies),
    onRead,
    logger,
  });
  const onRules: Parameters<typeof openRuleFiles>[0]['onRules'] = (rules) => engine.setRules(rules);
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
