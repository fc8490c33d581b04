import {
  type CompiledSchema,
  type EnvironmentTexts,
  type Layer,
  layFiles,
  layTexts,
  type NamedText,
  readVariables,
  type SourcesChange,
} from '@setpoint/engine';
import { createProblem, type JsonObject } from '@setpoint/protocol';
import type { Environment } from './environment.ts';
import type { ServiceFiles } from './read-service.ts';

/** Everything beside the files that can set a value of a service. */
export interface Surroundings {
  readonly environment: Environment;
  readonly envFile: string;
  readonly fileTexts: EnvironmentTexts;
  readonly processTexts: EnvironmentTexts;
  /** The settings of the command line, by service. */
  readonly arguments: ReadonlyMap<string, readonly NamedText[]>;
}

/** Sorts the variables of the process and of the env file by the services that they name. */
export const surroundingsOf = (
  environment: Environment,
  services: readonly string[],
  given: Pick<Surroundings, 'envFile' | 'arguments'>,
): Surroundings => ({
  ...given,
  environment,
  fileTexts: readVariables(environment.file, services),
  processTexts: readVariables(environment.process, services),
});

/** What the engine takes in for a service: its layers, or everything that is wrong with its files. */
export function toSourcesChange(
  service: string,
  files: ServiceFiles,
  schemas: readonly CompiledSchema[],
  surroundings: Surroundings,
): Omit<SourcesChange, 'kind'> {
  const { schema, isSchemaBroken } = files;
  const change = { schema, isSchemaBroken };
  const faults = [...files.faults, ...surroundings.environment.faults];
  if (faults.length === 0) return { ...change, layers: layersOf(service, files, schemas, surroundings) };
  return { ...change, layers: [], problem: createProblem('file_invalid', 'the last good document stays', faults) };
}

function layersOf(
  service: string,
  files: ServiceFiles,
  schemas: readonly CompiledSchema[],
  { environment, envFile, fileTexts, processTexts, arguments: given }: Surroundings,
): Layer[] {
  const { variables } = environment;
  const [lowest, ...higher] = files.roots;
  const author = `file:${files.main}`;
  const file = lowest && layFiles([lowest, ...higher], { service, author, schemas, variables });
  const beneath: JsonObject = file?.document ?? {};
  const lay = (name: Layer['name'], texts: readonly NamedText[] | undefined, by: string): Layer | undefined =>
    layTexts(texts ?? [], { name, author: by, schemas, beneath });
  return [
    file,
    lay('env_file', fileTexts.byService.get(service), `env_file:${envFile}`),
    lay('environment', processTexts.byService.get(service), 'environment'),
    lay('cli_argument', given.get(service), 'arguments'),
  ].filter((layer) => layer !== undefined);
}

/** The services that the layers of a service refer to; none while its files are faulty. */
export function referencedServices(
  service: string,
  files: ServiceFiles | undefined,
  schemas: readonly CompiledSchema[],
  surroundings: Surroundings,
): readonly string[] {
  if (!files || files.faults.length > 0) return [];
  const references = layersOf(service, files, schemas, surroundings).flatMap((layer) => layer.references ?? []);
  return references.flatMap(({ parts }) =>
    parts.flatMap((part) => (typeof part === 'string' ? [] : (part.service ?? []))),
  );
}

/** Orders services so that each comes after those it refers to. In a circle the first stays first. */
export function orderByReference(
  services: readonly string[],
  referencesOf: (service: string) => readonly string[],
): string[] {
  const ordered = new Set<string>();
  const visit = (service: string, chain: readonly string[]): void => {
    if (ordered.has(service) || chain.includes(service)) return;
    for (const other of referencesOf(service)) visit(other, [...chain, service]);
    ordered.add(service);
  };
  for (const service of services) visit(service, []);
  return [...ordered].filter((service) => services.includes(service));
}
