/**
 * A step that takes longer than this hangs, however busy the machine is. Tests end here what must end; how many seconds it may
 * take on an idle machine, as promised, is measured by `npm run bench`. Milliseconds.
 */
export const hangMs = 30_000;
