import type { Fault, Problem, Result, ResultWith } from '@setpoint/protocol';
import type { Layer } from '../layer/layer.ts';
import { packSources } from '../layer/packed-sources.ts';
import { answer, type ServiceState } from '../service-state.ts';
import type { VersionRecord } from '../store/store.ts';
import { type Authorship, restartRequiredBy } from '../version/record.ts';
import type { DecideOptions, Decision, WriteRequest } from './change.ts';

export interface Refusal {
  readonly status: 'rejected' | 'denied' | 'conflict';
  readonly problem: Problem;
}

export function accept(
  state: ServiceState,
  record: VersionRecord,
  options: DecideOptions,
  warnings: readonly Fault[] = [],
  layers: readonly Layer[] = state.layers,
): Decision {
  const next = { ...state, latest: record };
  const described = describeChange(record, state, warnings);
  const sources = packSources(layers, state.schema);
  return { result: answer(next, options.epoch, 'applied', described), state: next, record, sources };
}

export function describeChange(
  record: VersionRecord,
  before: ServiceState,
  warnings: readonly Fault[],
): Pick<Result, 'changed' | 'restartRequired' | 'warnings'> {
  const isUnchecked = !before.schema && before.contracts.length === 0;
  return {
    changed: record.changed,
    restartRequired: restartRequiredBy(record, before),
    warnings: isUnchecked ? [uncheckedWarning, ...warnings] : warnings,
  };
}

const uncheckedWarning: Fault = {
  pointer: '',
  message: 'nothing was checked: the service has no schema file and no running instance that announced one',
};

export const reject = (
  state: ServiceState,
  { epoch }: DecideOptions,
  problem: Problem,
): Decision & { readonly result: ResultWith<'rejected'> } => ({
  result: answer(state, epoch, 'rejected', { problem }),
  state,
});

export const refuse = (
  state: ServiceState,
  { epoch }: DecideOptions,
  status: Refusal['status'],
  problem: Problem,
): Decision => ({ result: answer(state, epoch, status, { problem }), state });

/** The author and the reason of the version that a request makes. */
export const requestedBy = ({ author, reason = '' }: WriteRequest): Authorship => ({ author, reason });
