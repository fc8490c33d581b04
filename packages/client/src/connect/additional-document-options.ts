import type { Bus } from '@setpoint/bus';
import { digestOf, isName } from '@setpoint/protocol';
import type { z } from 'zod';
import type { ConnectOptions } from '../options/options.ts';
import { shareBus } from './shared-bus.ts';

/** What a second document says for itself; the rest is as in `connect`. */
export type OpenOptions<Schema extends z.ZodType = z.ZodType> = Pick<
  ConnectOptions<Schema>,
  'service' | 'schema' | 'boot' | 'staleness' | 'overrides' | 'signal'
> &
  Partial<Pick<ConnectOptions, 'instance' | 'withoutSnapshot' | 'startTimeoutMs' | 'applyTimeoutMs'>>;

const longestName = 63;

/**
 * `<instance>-<service>`, unless it has a name. Where that is too long, as much of it as there is room for and a part of
 * its digest: the same again at the next start, and another one than that of any other.
 */
export function instanceOfAnother(
  first: string,
  { instance, service }: Partial<Pick<OpenOptions, 'instance' | 'service'>> = {},
): string {
  // One that can be no name is told of by itself, and not once more as part of this name.
  const name = instance ?? `${first}-${isName(String(service)) ? service : 'unnamed'}`;
  if (instance !== undefined || name.length <= longestName) return name;
  const digest = digestOf(name).slice(-12);
  return `${name.slice(0, longestName - digest.length - 1)}-${digest}`;
}

/** The options of `connect` for another document on the same connection. */
export function optionsOfAnother<Schema extends z.ZodType>(
  {
    service: _service,
    schema: _schema,
    url: _url,
    bus: _bus,
    signal: _signal,
    boot: _boot,
    staleness: _staleness,
    overrides: _overrides,
    ...rest
  }: ConnectOptions,
  bus: Bus,
  options: OpenOptions<Schema> & { readonly instance: string },
): ConnectOptions<Schema> {
  return {
    ...rest,
    // Messages are numbered by their source: two that count share no name.
    sourceName: options.instance,
    ...options,
    bus: (busOptions) => shareBus(bus, busOptions),
  };
}
