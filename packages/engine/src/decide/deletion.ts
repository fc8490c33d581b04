import { createProblem } from '@setpoint/protocol';
import { isDeleted, type ServiceState } from '../service-state.ts';
import { nextRecord } from '../version/record.ts';
import type { DecideOptions, Decision, WriteRequest } from './change.ts';
import { accept, reject, requestedBy } from './decision.ts';
import { isFile, sourceWords } from './source-words.ts';

/** Makes a version without content, unless a source would bring the service back. */
export function decideDeletion(state: ServiceState, request: WriteRequest, options: DecideOptions): Decision {
  const { service } = state;
  if (isDeleted(state)) {
    return reject(state, options, createProblem('service_unknown', `there is no service ${service} to delete`));
  }
  const source = sourceOf(state);
  if (source !== undefined) {
    const detail = `${source} of ${service} would bring it back; remove it first, then delete`;
    return reject(state, options, createProblem('service_has_file', detail));
  }
  const next = { ...state, overrides: [], layers: [], sourceProblem: undefined };
  return accept(next, nextRecord(next, undefined, requestedBy(request), options), options);
}

/** The source that would make the service again; undefined if none would. */
function sourceOf({ layers, sourceProblem, isRead }: ServiceState): string | undefined {
  if (!isRead && !sourceProblem) return undefined;
  const isFileGone = sourceProblem === undefined ? !layers.some(isFile) : sourceProblem.code === 'file_missing';
  if (!isFileGone) return 'the file';
  const other = layers.find((layer) => !isFile(layer));
  return other && sourceWords[other.name];
}
