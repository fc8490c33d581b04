import type { Fault, Pointer, Problem, Result } from '@setpoint/protocol';
import { printable } from './value-text.ts';

/** What became of a request, for people: what was done. */
export function outcomeLines(result: Result): string[] {
  const { service, status, changed, restartRequired, warnings } = result;
  return [
    `${status}: ${headline(result)}`,
    ...(status === 'applied' || status === 'valid' ? changed.map((pointer) => `  ${nameOf(pointer)}`) : []),
    ...restartRequired.map((pointer) => `restart needed: ${service} takes ${nameOf(pointer)} over at its next start`),
    ...warnings.map(
      ({ pointer, message }) => `warning: ${pointer === '' ? '' : `${nameOf(pointer)} `}${printable(message)}`,
    ),
  ];
}

function headline({ service, status, version, changed }: Result): string {
  const count = `${changed.length} ${changed.length === 1 ? 'change' : 'changes'}`;
  switch (status) {
    case 'valid':
      return changed.length === 0 ? `${service} would stay as it is` : `${count} to ${service} would be applied`;
    case 'unchanged':
      return `${service} stays at version ${version}`;
    default:
      return `${service} is at version ${version}`;
  }
}

/** Why a request was refused, with every fault. */
export function problemLines({ status, problem, service, version }: Result): string[] {
  const place = version === 0 ? '' : `; ${service} stays at version ${version}`;
  if (!problem) return [`${status}${place}`];
  return [`${status}: ${explain(problem)}${place}`, ...(problem.errors ?? []).flatMap(faultLines)];
}

const explain = ({ title, detail }: Problem): string => `${printable(title)}: ${printable(detail)}`;

/** A fault on two lines: where, then what. */
export function faultLines(fault: Fault): string[] {
  const { pointer, file, line, instance } = fault;
  const place = file === undefined ? '' : `${printable(file)}${line === undefined ? '' : `:${line}`}  `;
  const who = instance === undefined ? '' : ` (refused by ${printable(instance)})`;
  return [`  ${place}${nameOf(pointer)}${who}`, `      ${faultText(fault)}`];
}

function faultText({ message, expected, received, suggestion }: Fault): string {
  const told = [
    ...(expected === undefined || message.includes(expected) ? [] : [`expected ${printable(expected)}`]),
    ...(received === undefined ? [] : [`received ${printable(received)}`]),
  ].join(', ');
  // A near name is often part of the message already.
  const isTold = suggestion === undefined || message.includes(`did you mean "${suggestion}"?`);
  const near = isTold ? '' : `; did you mean "${printable(suggestion)}"?`;
  return `${printable(message)}${told === '' ? '' : ` (${told})`}${near}`;
}

/** "" is the whole document. */
const nameOf = (pointer: Pointer): string => (pointer === '' ? '(the whole document)' : printable(pointer));
