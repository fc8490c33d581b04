/** Of the names the one that a text was likely meant as, where it is close enough to be a slip. */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  if (text.length > longestName) return undefined;
  const slip = text.length <= 3 ? 1 : Math.max(2, Math.floor(text.length / 3));
  const key = text.toLowerCase();
  const [best] = names
    .map((name) => ({ name, slips: slipsBetween(key, name.toLowerCase()) }))
    .sort((a, b) => a.slips - b.slips);
  return best && best.slips <= slip && best.slips < text.length ? best.name : undefined;
}

/** Longer texts are no slips of a name, and to compare them would take long. */
const longestName = 100;

/** How many letters have to be put in, taken out or changed to make one of the other (Levenshtein). */
function slipsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= to.length; j += 1) {
      const [left = 0, above = 0, corner = 0] = [next[j - 1], row[j], row[j - 1]];
      next.push(Math.min(left + 1, above + 1, corner + (letter === to[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
