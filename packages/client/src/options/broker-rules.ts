import { parseBrokerUrl } from '@setpoint/bus';
import { brokerSchemes } from '#runtime/broker-access';

/** Where one option's fault is told: by its name, or by `environment/` and that of the variable that it came from. */
export type OnFault = (option: string, message: string) => void;

export const clientNameRule = 'must be 1 to 256 of letters, digits, ".", "_", ":", "@" and "-"';

/** It stands in the `source` of messages, and brokers put it into topics and logs. */
export const isClientName = (name: unknown): boolean => typeof name === 'string' && /^[\w.:@-]{1,256}$/.test(name);

const listOfSchemes = brokerSchemes
  .map((scheme) => `${scheme}://`)
  .join(', ')
  .replace(/, (\w+:\/\/)$/, ' or $1');

export const urlRule: string = `must be ${listOfSchemes} with a host, user and password percent-encoded`;

/** What is wrong is never repeated: half of it may be a password. */
export function isBrokerUrl(text: unknown): boolean {
  if (typeof text !== 'string' || !/^\w+:\/\/[^/]/.test(text) || !URL.canParse(text)) return false;
  if (!brokerSchemes.includes(new URL(text).protocol.slice(0, -1))) return false;
  try {
    return !parseBrokerUrl(text).host.includes(',');
  } catch {
    return false;
  }
}
