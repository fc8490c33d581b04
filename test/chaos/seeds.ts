/** Which schedules to run: those of CHAOS_SEED (a seed, or several with commas), or CHAOS_RUNS of them from CHAOS_FROM. */
export function seedsOf(
  environment: Readonly<Record<string, string | undefined>>,
  runs: number,
): { readonly seeds: readonly number[]; readonly isReplay: boolean } {
  const { CHAOS_SEED, CHAOS_RUNS, CHAOS_FROM } = environment;
  if (CHAOS_SEED !== undefined && CHAOS_SEED !== '') {
    return { seeds: CHAOS_SEED.split(',').map((text) => wholeNumber('CHAOS_SEED', text)), isReplay: true };
  }
  const from = wholeNumber('CHAOS_FROM', CHAOS_FROM ?? '1');
  const length = wholeNumber('CHAOS_RUNS', CHAOS_RUNS ?? String(runs));
  return { seeds: Array.from({ length }, (_, index) => from + index), isReplay: false };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value)) return value;
  throw new Error(`${name} is ${JSON.stringify(text)}; give a whole number`);
}
