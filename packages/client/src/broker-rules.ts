/** Where one option's fault is told: by its name, or by `environment/` and that of the variable that it came from. */
export type OnFault = (option: string, message: string) => void;

export const clientNameRule = 'must be 1 to 256 of letters, digits, ".", "_", ":", "@" and "-"';

/** It stands in the `source` of messages, and brokers put it into topics and logs. */
export const isClientName = (name: unknown): boolean => typeof name === 'string' && /^[\w.:@-]{1,256}$/.test(name);

export const urlRule = 'must be mqtt://, mqtts://, ws:// or wss:// with a host, user and password percent-encoded';

/** What is wrong is never repeated: half of it may be a password. */
export function isBrokerUrl(text: unknown): boolean {
  if (typeof text !== 'string' || !URL.canParse(text) || !/^(mqtts?|wss?):\/\/[^/]/i.test(text)) return false;
  const { hostname, username, password } = new URL(text);
  return hostname !== '' && !hostname.includes(',') && isEncoded(username) && isEncoded(password);
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
