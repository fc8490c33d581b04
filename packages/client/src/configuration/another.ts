import type { Bus } from '@setpoint/bus';
import type { z } from 'zod';
import type { ConnectOptions } from '../options.ts';
import { shareBus } from './shared-bus.ts';

/** What a second document says for itself; the rest is as in `connect`. */
export type OpenOptions<Schema extends z.ZodType = z.ZodType> = Pick<
  ConnectOptions<Schema>,
  'service' | 'schema' | 'boot' | 'staleness' | 'overrides' | 'signal'
> &
  Partial<Pick<ConnectOptions, 'instance' | 'withoutSnapshot' | 'startTimeoutMs' | 'applyTimeoutMs'>>;

/** The options of `connect` for another document on the same connection: an instance of its own, `<instance>-<service>`. */
export function optionsOfAnother<Schema extends z.ZodType>(
  {
    url: _url,
    bus: _bus,
    signal: _signal,
    boot: _boot,
    staleness: _staleness,
    overrides: _overrides,
    ...rest
  }: ConnectOptions,
  first: { readonly instance: string; readonly bus: Bus },
  options: OpenOptions<Schema>,
): ConnectOptions<Schema> {
  const { instance = `${first.instance}-${options.service}` } = options;
  return {
    ...rest,
    // Messages are numbered by their source: two that count share no name.
    sourceName: instance,
    ...options,
    instance,
    bus: (busOptions) => shareBus(first.bus, busOptions),
  };
}
