import { byteLengthOf } from '#runtime/bytes';

// Topics and filters as MQTT 3.1.1 defines them, section 4.7.

const maxTopicBytes = 65_535;

// [MQTT-4.7.1-1] wildcards belong to filters; [MQTT-4.7.3-2] no topic or filter contains U+0000.
const forbiddenInTopic = /[+#\0]/;

/** Whether a message can be published to `topic`. */
export function isValidTopic(topic: string): boolean {
  return !forbiddenInTopic.test(topic) && isEncodable(topic);
}

/** Whether `filter` can be subscribed to. */
export function isValidFilter(filter: string): boolean {
  if (!isEncodable(filter) || filter.includes('\0')) return false;
  const levels = filter.split('/');
  return levels.every((level, index) => isValidLevel(level, index === levels.length - 1));
}

/** Whether `filter` can match more than the one topic that it spells. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#');
}

/** Whether a message published to `topic` is delivered to a subscriber of `filter`. Both must be valid. */
export function matchesFilter(filter: string, topic: string): boolean {
  return matchesLevels(filter.split('/'), topic);
}

/** Like `matchesFilter`, for a filter that is split already. The topic is not, because it differs every time. */
export function matchesLevels(filter: readonly string[], topic: string): boolean {
  // [MQTT-4.7.2-1] A wildcard at the first level never matches the broker's own topics.
  if (topic.startsWith('$') && (filter[0] === '#' || filter[0] === '+')) return false;
  let start = 0;
  for (const level of filter) {
    // [MQTT-4.7.1-2] `#` also matches the level above it, so running out of topic here is a match.
    if (level === '#') return true;
    if (start > topic.length) return false;
    const slash = topic.indexOf('/', start);
    const end = slash < 0 ? topic.length : slash;
    if (level !== '+' && !(level.length === end - start && topic.startsWith(level, start))) return false;
    start = end + 1;
  }
  return start > topic.length;
}

// [MQTT-4.7.1-2], [MQTT-4.7.1-3] A wildcard fills its level, and `#` is the last one.
function isValidLevel(level: string, isLast: boolean): boolean {
  if (level === '+') return true;
  if (level === '#') return isLast;
  return !level.includes('+') && !level.includes('#');
}

// [MQTT-4.7.3-1], [MQTT-4.7.3-3], [MQTT-1.5.3-1] 1 to 65535 bytes of well-formed UTF-8.
function isEncodable(text: string): boolean {
  if (text.length === 0 || !text.isWellFormed()) return false;
  // A UTF-16 unit is at most three bytes of UTF-8, so most topics need no counting.
  return text.length * 3 <= maxTopicBytes || byteLengthOf(text) <= maxTopicBytes;
}
