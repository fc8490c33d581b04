/** Compares this clock with the authority's. Milliseconds. */
const mostSkewMs = 10_000;

/** One message that was long on its way is no clock that is wrong. */
const sightingsToTell = 2;

/**
 * Takes the authority's time and this process's at each beacon; `onSkew` is told once of each episode, positive where
 * this clock is ahead.
 */
export function createSkewWatch(onSkew: (skewMs: number) => void): (theirsMs: number, oursMs: number) => void {
  let sightings = 0;
  return (theirsMs, oursMs) => {
    const skewMs = oursMs - theirsMs;
    if (Number.isNaN(skewMs)) return;
    sightings = Math.abs(skewMs) > mostSkewMs ? sightings + 1 : 0;
    if (sightings === sightingsToTell) onSkew(skewMs);
  };
}
