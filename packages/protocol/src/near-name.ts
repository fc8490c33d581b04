import leven from 'leven';

/** Longer texts are not misspelt names, and comparing them would take long. */
const maxComparedLength = 100;

/** Returns the name that `text` most likely is a misspelling of. */
export function findNearName(text: string, names: readonly string[]): string | undefined {
  if (text.length > maxComparedLength) return undefined;
  const maxDistance = text.length <= 3 ? 1 : Math.max(2, Math.floor(text.length / 3));
  const key = text.toLowerCase();
  const [best] = names
    .map((name) => ({ name, distance: leven(key, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= maxDistance && best.distance < text.length ? best.name : undefined;
}
