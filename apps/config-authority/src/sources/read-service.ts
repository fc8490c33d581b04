import { join } from 'node:path';
import { type CompiledSchema, type GatheredFiles, gatherFiles, parsePlaced } from '@setpoint/engine';
import { type Fault, SetpointError } from '@setpoint/protocol';
import type { RefuseFile } from './allowed-files.ts';
import { documentEndings, folderEnding, isDocument, schemaEndings } from './file-names.ts';
import { isThere, listIfThere, readIfThere } from './read-file.ts';
import { readSchema } from './schema-file.ts';

/** The files of a service, as they are written. */
export interface ServiceFiles {
  /** Lowest first. */
  readonly roots: GatheredFiles['roots'];
  /** The file that names the author of what they say. */
  readonly main: string;
  readonly schema: CompiledSchema | undefined;
  readonly isSchemaBroken: boolean;
  readonly faults: readonly Fault[];
  /** All that was looked for, found or not; absolute. */
  readonly files: readonly string[];
}

/**
 * Reads `<service>.yaml` (`.yml`, `.json`), then what is in `<service>.d` by name, with all that they include, and the
 * schema beside them.
 */
export async function readService(directory: string, service: string, refuse: RefuseFile): Promise<ServiceFiles> {
  const [schema, found] = await Promise.all([
    readSchema(directory, service),
    readDocuments(directory, service, refuse),
  ]);
  const isSchemaBroken = schema.kind === 'faults';
  return {
    ...found,
    schema: isSchemaBroken ? undefined : schema.schema,
    isSchemaBroken,
    faults: [...found.faults, ...(isSchemaBroken ? schema.faults : [])],
    files: [...found.files, ...schemaEndings.map((ending) => join(directory, `${service}${ending}`))],
  };
}

type Documents = Omit<ServiceFiles, 'schema' | 'isSchemaBroken'>;

async function readDocuments(directory: string, service: string, refuse: RefuseFile): Promise<Documents> {
  const candidates = documentEndings.map((ending) => join(directory, `${service}${ending}`));
  const present = (await Promise.all(candidates.map(async (file) => ((await isThere(file)) ? [file] : [])))).flat();
  const [only = candidates[0] as string, ...others] = present;
  const refused = (faults: readonly Fault[]): Documents => ({ roots: [], main: only, faults, files: candidates });
  if (others.length > 0) {
    const message = `${present.join(' and ')} are for one service; keep one of them`;
    return refused([{ pointer: '', message, file: only, line: 1 }]);
  }
  try {
    const folder = join(directory, `${service}${folderEnding}`);
    const more = (await listIfThere(folder)).filter(isDocument).map((name) => join(folder, name));
    const entries = [...present, ...more];
    const gathered = await gatherFiles(entries, async (file) => {
      const refusal = await refuse(file);
      if (refusal !== undefined) return { kind: 'refused', message: refusal };
      const text = await readIfThere(file);
      return text === undefined ? undefined : parsePlaced(text, file);
    });
    return { ...gathered, main: entries[0] ?? only, files: [...gathered.files, ...candidates] };
  } catch (cause) {
    if (!(cause instanceof SetpointError)) throw cause;
    return refused(cause.faults);
  }
}
