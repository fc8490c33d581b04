import { generateKeyPairSync } from 'node:crypto';
import { testCertificate, testKey } from '@setpoint/test-support/tls';
import { describe, expect, it } from 'vitest';
import { createMqttBus } from '../mqtt.ts';
import { findBrokerTlsFaults, resolveBrokers } from './brokers.ts';
import type { MqttTlsOptions } from './mqtt-options.ts';

/** What is wrong, by its place. */
const faultsOf = (tls: unknown, url: unknown = 'mqtts://broker'): [string, string][] =>
  findBrokerTlsFaults({ url, tls } as never).map(({ option, message }) => [option, message]);

const brokenCertificate = '-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n';
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

describe('the TLS options', () => {
  it.each<MqttTlsOptions>([
    {},
    { ca: undefined as never },
    { ca: testCertificate },
    { ca: Buffer.from(testCertificate) },
    { ca: `A comment.\n${testCertificate}\n${testCertificate}` },
    { cert: testCertificate, key: testKey },
    { cert: `${testCertificate}${testKey}`, key: `${testCertificate}${testKey}` },
    { servername: 'broker.test', alpn: ['mqtt', 'x-amzn-mqtt-ca'] },
    { alpn: ['x'.repeat(255)] },
  ])('valid TLS options have no fault: %#', (tls) => {
    expect(faultsOf(tls)).toEqual([]);
  });

  it.each([
    [null, 'tls', 'must be an object of options'],
    [5, 'tls', 'must be an object of options'],
    [{ ca: 'not a pem' }, 'tls/ca', 'must be a certificate in PEM'],
    [{ ca: '' }, 'tls/ca', 'must be a certificate in PEM'],
    [{ ca: 5 }, 'tls/ca', 'must be a certificate in PEM'],
    [{ ca: testKey }, 'tls/ca', 'must be a certificate in PEM'],
    [{ ca: brokenCertificate }, 'tls/ca', "has a certificate that can't be read"],
    [{ ca: testCertificate + brokenCertificate }, 'tls/ca', "has a certificate that can't be read"],
    [{ cert: testCertificate }, 'tls/cert', 'needs its private key, key'],
    [{ key: testKey }, 'tls/key', 'needs its certificate, cert'],
    [{ cert: testCertificate, key: otherKey }, 'tls/key', 'is not the key of the certificate in cert'],
    [{ cert: testCertificate, key: testCertificate }, 'tls/key', 'must be a private key in PEM'],
    [{ cert: testCertificate, key: testKey.replace('MIGH', 'AAAA') }, 'tls/key', "is a private key that can't be read"],
    [
      { cert: testCertificate, key: testKey.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE') },
      'tls/key',
      'is encrypted; give it without a passphrase',
    ],
    [{ servername: 5 }, 'tls/servername', 'must be the name of a host, and no address'],
    [{ servername: '' }, 'tls/servername', 'must be the name of a host, and no address'],
    [{ servername: 'a\0b' }, 'tls/servername', 'must be the name of a host, and no address'],
    [{ servername: '127.0.0.1' }, 'tls/servername', 'must be the name of a host, and no address'],
    [{ servername: 'x'.repeat(254) }, 'tls/servername', 'must be the name of a host, and no address'],
    [{ alpn: 'mqtt' }, 'tls/alpn', 'must be a list of protocol names of 1 to 255 bytes'],
    [{ alpn: [] }, 'tls/alpn', 'must be a list of protocol names of 1 to 255 bytes'],
    [{ alpn: [''] }, 'tls/alpn', 'must be a list of protocol names of 1 to 255 bytes'],
    [{ alpn: ['ä'.repeat(128)] }, 'tls/alpn', 'must be a list of protocol names of 1 to 255 bytes'],
    [{ alpn: [5] }, 'tls/alpn', 'must be a list of protocol names of 1 to 255 bytes'],
  ])('invalid TLS options are reported: %#', (tls, option, message) => {
    expect(faultsOf(tls)).toEqual([[option, message]]);
    const create = () => createMqttBus({ url: 'mqtts://broker', clientId: 'a', tls: tls as never });
    expect(create).toThrow(expect.objectContaining({ code: 'tls_invalid' }));
    expect(create).toThrow(`can't use the TLS options: ${option} ${message}`);
  });

  it('TLS options are refused with all their faults, those beside a URL too', () => {
    const url = ['mqtts://a', { url: 'wss://b', tls: { alpn: [] } }, { url: 'mqtts://c', tls: { cert: 'x' } }];
    expect(faultsOf({ ca: 'x', servername: 5, key: testKey }, url).map(([option]) => option)).toEqual([
      'tls/ca',
      'tls/servername',
      'tls/key',
      'url/1/tls/alpn',
      'url/2/tls/cert',
    ]);
  });

  it('TLS options are refused beside a URL in plain text', () => {
    const common =
      'is given, and a URL is plain text; write mqtts:// or wss://, or give it beside its URL alone: { url, tls }';
    const own = 'is given, and its URL is plain text; write mqtts:// or wss://';
    const tls = { ca: testCertificate };
    expect(faultsOf(tls, 'mqtt://broker')).toEqual([['tls', common]]);
    expect(faultsOf(tls, 'ws://broker')).toEqual([['tls', common]]);
    expect(faultsOf(tls, ['mqtts://a', 'mqtt://b'])).toEqual([['tls', common]]);
    expect(faultsOf(undefined, ['mqtts://a', { url: 'mqtt://b', tls }])).toEqual([['url/1/tls', own]]);
    expect(faultsOf(undefined, ['mqtt://a', { url: 'mqtts://b', tls }])).toEqual([]);
    expect(faultsOf({}, 'mqtt://broker')).toEqual([]);
  });

  it('ALPN protocols are offered to a WebSocket only when they stand beside its URL', () => {
    const message = 'is for mqtts://; to a wss:// offer it beside the URL: { url, tls: { alpn } }';
    expect(faultsOf({ alpn: ['mqtt'] }, 'wss://broker')).toEqual([['tls/alpn', message]]);
    expect(faultsOf({ alpn: ['mqtt'] }, ['mqtts://a', 'wss://b'])).toEqual([]);
  });
});

describe('each broker', () => {
  it('a broker has the TLS options of all brokers, overridden by those beside its URL', () => {
    const brokers = resolveBrokers({
      url: [
        'mqtts://first.example',
        { url: 'mqtts://10.0.0.2', tls: { servername: 'second.example', alpn: ['x'], ca: undefined as never } },
        'wss://third.example/mqtt',
        { url: 'wss://fourth.example', tls: { alpn: ['http/1.1'] } },
      ],
      tls: { ca: testCertificate, alpn: ['mqtt'] },
    });
    expect(brokers.map(({ address, tls }) => [address.host, tls])).toEqual([
      ['first.example', { ca: testCertificate, alpn: ['mqtt'] }],
      ['10.0.0.2', { ca: testCertificate, servername: 'second.example', alpn: ['x'] }],
      ['third.example', { ca: testCertificate }],
      ['fourth.example', { ca: testCertificate, alpn: ['http/1.1'] }],
    ]);
  });
});
