/** The value that a share of the samples (0 to 1) does not exceed; the nearest rank. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Takes a round of each in turn, so that what else the machine does falls on all of them alike. */
export async function interleave<Name extends string>(
  rounds: number,
  takes: Readonly<Record<Name, (round: number) => Promise<readonly number[]>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(takes) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) samples[name].push(...(await takes[name](round)));
  }
  return samples;
}
