import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { createRuleSet, parseRuleFile, type Rule, type RuleSet } from '@setpoint/engine';
import { type Fault, levels, SetpointError, severities } from '@setpoint/protocol';
import type { Logger } from 'pino';
import { readRegularFile } from '../regular-file.ts';
import { describe, importModule } from '../sources/schema-module.ts';
import { watchPath } from './watch-path.ts';

/** The rules of a folder, now and whenever its files change. */
export interface RuleFiles {
  /** What is wrong with files; their rules are not asked. Empty when all is well. */
  problems(): readonly Fault[];
  stop(): Promise<void>;
}

export interface RuleFilesOptions {
  /** It need not be there. */
  readonly directory: string;
  /** Told the rules that can be asked, at the start and after each change. */
  readonly onRules: (rules: RuleSet) => void;
  /** Told after that, when `problems` is of the same files. */
  readonly onRead?: () => void;
  readonly logger: Logger;
}

const moduleEndings = ['.ts', '.mjs', '.js'];
const textEndings = ['.yaml', '.yml'];

/**
 * Reads every rule file of the folder, then watches it. Modules hand out a rule, or a list of them, by default; YAML
 * files hold expressions. A file with a fault is passed over whole, and the others count.
 */
export async function openRuleFiles({ directory, onRules, onRead, logger }: RuleFilesOptions): Promise<RuleFiles> {
  let problems: readonly Fault[] = [];
  const stop = await watchPath(
    directory,
    async () => {
      const { rules, faults } = await readRules(directory);
      problems = faults;
      for (const { file, line, message } of faults) {
        logger.error(`a file of rules is passed over: ${file}:${line ?? 1}: ${message}`);
      }
      onRules(createRuleSet(rules));
      onRead?.();
    },
    logger,
  );
  return { problems: () => problems, stop };
}

interface ReadRules {
  readonly rules: readonly Rule[];
  readonly faults: readonly Fault[];
}

async function readRules(directory: string): Promise<ReadRules> {
  const names = (await namesIn(directory)).filter((name) => !name.startsWith('.') && kindOf(name) !== undefined).sort();
  const files = await Promise.all(names.map((name) => readRuleFile(join(directory, name))));
  const owners = new Map<string, string>();
  const rules: Rule[] = [];
  const faults: Fault[] = [];
  for (const [i, file] of files.entries()) {
    const path = join(directory, names[i] as string);
    const taken = file.rules.find(({ id }, at) => owners.has(id) || file.rules.findIndex((one) => one.id === id) < at);
    if (file.faults.length > 0) faults.push(...file.faults);
    else if (taken) faults.push(faultOf(path, `the rule ${taken.id} is in ${owners.get(taken.id) ?? 'it'} already`));
    else {
      rules.push(...file.rules);
      for (const { id } of file.rules) owners.set(id, path);
    }
  }
  return { rules, faults };
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}

function kindOf(name: string): 'module' | 'text' | undefined {
  const ending = extname(name);
  if (/\.d\.ts$|\.test\./.test(name)) return undefined;
  return moduleEndings.includes(ending) ? 'module' : textEndings.includes(ending) ? 'text' : undefined;
}

const faultOf = (file: string, message: string): Fault => ({ pointer: '', message, file, line: 1 });

async function readRuleFile(path: string): Promise<ReadRules> {
  try {
    if (kindOf(path) === 'module') return readModule(await importModule(path), path);
    const parsed = await parseRuleFile(await readRegularFile(path), path);
    return parsed.kind === 'rules' ? { rules: parsed.rules, faults: [] } : { rules: [], faults: parsed.faults };
  } catch (cause) {
    if (cause instanceof SetpointError) return { rules: [], faults: cause.faults };
    return { rules: [], faults: [faultOf(path, `can't be read: ${describe(cause).message}`)] };
  }
}

function readModule(exported: unknown, path: string): ReadRules {
  const rules = (Array.isArray(exported) ? exported : [exported]) as readonly Rule[];
  const faults = rules.flatMap((rule, i) => {
    const wrong = findWrong(rule);
    return wrong === undefined ? [] : [faultOf(path, `rule ${i + 1} of its default export: ${wrong}`)];
  });
  return { rules: faults.length > 0 ? [] : rules, faults };
}

function findWrong(rule: Partial<Rule> | null | undefined): string | undefined {
  if (typeof rule !== 'object' || rule === null) return 'it is no object with id, level, severity and check';
  const { id, level, severity, services, check, fix } = rule;
  if (typeof id !== 'string' || id === '') return '"id" must be a text';
  if (!level || !levels.includes(level)) return `"level" must be one of ${levels.join(', ')}`;
  if (!severity || !severities.includes(severity)) return `"severity" must be one of ${severities.join(', ')}`;
  if (typeof check !== 'function') return '"check" must be a function';
  if (fix !== undefined && typeof fix !== 'function') return '"fix" must be a function';
  const isNames =
    services === undefined || (Array.isArray(services) && services.every((name) => typeof name === 'string'));
  return isNames ? undefined : '"services" must be a list of names';
}
