import type { MqttTlsOptions, TlsFault } from './mqtt-options.ts';

/** Reports every TLS option: a browser has none. */
export function findTlsFaults(
  brokers: readonly { readonly tls?: MqttTlsOptions | undefined }[],
  common: MqttTlsOptions | undefined,
): readonly TlsFault[] {
  const places = [
    { option: 'tls', options: common },
    ...brokers.map(({ tls }, index) => ({ option: `url/${index}/tls`, options: tls })),
  ];
  return places
    .filter(({ options }) => options !== undefined && Object.values(options).some((value) => value !== undefined))
    .map(({ option }) => ({ option, message: 'is decided by the browser and its user; leave it out' }));
}
