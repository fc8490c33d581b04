import { type Policies, parsePolicies } from '@setpoint/engine';
import type { Fault } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { readRegularFile } from '../regular-file.ts';
import { watchPath } from './watch-path.ts';

/** The policy of the services, now and whenever its file changes. */
export interface PolicyFile {
  /** What is wrong with it; the last good policy stays. Empty when all is well. */
  problems(): readonly Fault[];
  stop(): Promise<void>;
}

export interface PolicyFileOptions {
  /** `_policy.yaml`; it need not be there. */
  readonly path: string;
  /** Told the policies at the start and after each change that can be read. */
  readonly onPolicies: (policies: Policies) => void;
  /** Told after each change, good or bad. */
  readonly onRead?: () => void;
  readonly logger: Logger;
}

/** Reads the policy file, then watches it. Without one, the defaults are told. */
export async function openPolicyFile({ path, onPolicies, onRead, logger }: PolicyFileOptions): Promise<PolicyFile> {
  let problems: readonly Fault[] = [];
  const stop = await watchPath(
    path,
    async () => {
      const parsed = await readPolicies(path);
      problems = parsed.kind === 'faults' ? parsed.faults : [];
      if (parsed.kind === 'policies') onPolicies(parsed.policies);
      for (const { line, pointer, message } of problems) {
        logger.error(`the last good policy stays: ${path}:${line ?? 1}: ${pointer} ${message}`);
      }
      onRead?.();
    },
    logger,
  );
  return { problems: () => problems, stop };
}

async function readPolicies(path: string): Promise<ReturnType<typeof parsePolicies>> {
  try {
    return parsePolicies(await readRegularFile(path), path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return parsePolicies('', path);
    return { kind: 'faults', faults: [{ pointer: '', message: `can't be read (${code})`, file: path, line: 1 }] };
  }
}
