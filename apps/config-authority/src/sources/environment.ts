import { environmentVariables, parseEnvFile, type Variable, type Variables } from '@setpoint/engine';
import type { Fault } from '@setpoint/protocol';
import { SetpointError } from '@setpoint/protocol';
import { readIfThere } from './read-file.ts';

/** The variables of the process and of the env file. */
export interface Environment {
  readonly process: readonly Variable[];
  readonly file: readonly Variable[];
  readonly faults: readonly Fault[];
  /** What `${VAR}` stands for: the process goes first. */
  readonly variables: Variables;
}

export interface EnvironmentOptions {
  readonly process: Readonly<Record<string, string | undefined>>;
  /** Undefined: none. */
  readonly file: string | undefined;
  /** Somebody asked for this file, so it has to be there. */
  readonly isRequired: boolean;
}

export async function readEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const ofProcess = environmentVariables(options.process);
  const { variables: ofFile, faults } = await readEnvFile(options);
  const texts = new Map([...ofFile, ...ofProcess].map(({ name, text }) => [name, text]));
  return { process: ofProcess, file: ofFile, faults, variables: (name) => texts.get(name) };
}

async function readEnvFile({
  file,
  isRequired,
}: EnvironmentOptions): Promise<{ variables: readonly Variable[]; faults: readonly Fault[] }> {
  if (file === undefined) return { variables: [], faults: [] };
  try {
    const text = await readIfThere(file);
    if (text !== undefined) return { variables: parseEnvFile(text, file), faults: [] };
    const missing = { pointer: '', message: 'is the env file that was asked for, and is not there', file, line: 1 };
    return { variables: [], faults: isRequired ? [missing] : [] };
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    return { variables: [], faults: cause.faults };
  }
}
