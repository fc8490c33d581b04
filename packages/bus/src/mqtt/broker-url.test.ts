import { describe, expect, it } from 'vitest';
import { BusError } from '../bus-error.ts';
import { createMqttBus } from '../mqtt.ts';
import { parseBrokerUrl, parseBrokerUrls, redactUrl } from './broker-url.ts';

describe('a broker URL', () => {
  it('a broker URL names host and port, and has the usual port otherwise', () => {
    expect(parseBrokerUrl('mqtt://broker.example:1999')).toMatchObject({
      host: 'broker.example',
      port: 1999,
      secure: false,
    });
    expect(parseBrokerUrl('mqtt://broker.example')).toMatchObject({ port: 1883, secure: false });
    expect(parseBrokerUrl('mqtts://broker.example/')).toMatchObject({ port: 8883, secure: true });
    expect(parseBrokerUrl('tcp://broker.example')).toMatchObject({ secure: false });
    expect(parseBrokerUrl('ssl://broker.example')).toMatchObject({ secure: true });
  });

  it('a broker URL may hold an IPv6 address', () => {
    expect(parseBrokerUrl('mqtt://[::1]:1884')).toMatchObject({ host: '::1', port: 1884 });
  });

  it('a broker URL of a WebSocket never shows its path and query', () => {
    expect(parseBrokerUrl('ws://broker.example')).toMatchObject({ over: 'websocket', port: 80, path: '/' });
    const address = parseBrokerUrl('wss://ann:secret@broker.example/mqtt?token=abc');
    expect(address).toMatchObject({ over: 'websocket', secure: true, port: 443, path: '/mqtt?token=abc' });
    expect(address).toMatchObject({ username: 'ann', password: 'secret', display: 'wss://broker.example:443' });
  });

  it('a list of broker URLs has at least one', () => {
    const addresses = parseBrokerUrls(['mqtt://a.example', 'wss://b.example/mqtt']);
    expect(addresses.map(({ display }) => display)).toEqual(['mqtt://a.example:1883', 'wss://b.example:443']);
    expect(() => parseBrokerUrls([])).toThrow('there is none');
    expect(() => parseBrokerUrls(['mqtt://a.example', 'http://b.example'])).toThrow('it must begin with mqtt://');
  });

  it('a broker URL may hold user and password, percent-encoded', () => {
    const address = parseBrokerUrl('mqtt://us%40er:p%3Ass%2Fw%C3%B6rd@broker.example');
    expect(address.username).toBe('us@er');
    expect(address.password).toBe('p:ss/wörd');
    expect(address.display).toBe('mqtt://broker.example:1883');
    expect(parseBrokerUrl('mqtt://user@broker.example')).toMatchObject({ username: 'user', password: undefined });
  });

  it.each([
    ['', 'it is not a URL'],
    ['broker.example', 'it is not a URL'],
    ['http://broker.example', 'it must begin with mqtt://, mqtts://, ws:// or wss://'],
    ['mqtt://', 'it names no host'],
    ['mqtt://broker.example:99999', 'it is not a URL'],
    ['mqtt://user:%zz@broker.example', 'not percent-encoded well'],
    ['mqtt://ann:12#34@broker.example', 'it has an @ after its host'],
    ['mqtt://ann:12/34@broker.example', 'it has an @ after its host'],
    ['mqtt://ann:12?34@broker.example', 'it has an @ after its host'],
    ['wss://ann:12\\34@broker.example', 'it has an @ after its host'],
    ['wss://broker.example/mqtt?user=ann@home', 'it has an @ after its host'],
    ['mqtt://ann:12#34', 'it has a #'],
  ])('is refused as %j', (url, why) => {
    expect(() => parseBrokerUrl(url)).toThrow(expect.objectContaining({ code: 'url_invalid' }));
    expect(() => parseBrokerUrl(url)).toThrow(why);
    expect(() => createMqttBus({ url, clientId: 'a' })).toThrow(BusError);
  });

  it.each([
    'mqtt://jane:secret@:99999',
    'jane:secret@broker',
    'mqtt://jane:se@cret@bro ker',
    'MQTT://jane:secret%zz@b',
    'mqtt://jane:12#secret@broker',
    'mqtt://jane:12/secret@broker',
    'wss://jane:12?secret@broker',
  ])('never shows its credentials, although it is refused: %j', (url) => {
    const shown = refusalOf(url);
    expect(shown).not.toContain('jane');
    expect(shown).not.toContain('cret');
    expect(shown).toContain('***@');
  });

  it('is shown without what stands before the last @', () => {
    expect(redactUrl('mqtt://a:b@c:1')).toBe('mqtt://***@c:1');
    expect(redactUrl('mqtt://c:1')).toBe('mqtt://c:1');
    expect(redactUrl('mqtt://a:b@c@d/e@f/g')).toBe('mqtt://***@f');
    expect(redactUrl('http://c:1/path?token=abc#d')).toBe('http://c:1');
    expect(redactUrl('mqtt://c:12#secret')).toBe('mqtt://c:12');
  });
});

function refusalOf(url: string): string {
  try {
    createMqttBus({ url, clientId: 'a' });
  } catch (error) {
    const { message, cause, stack } = error as Error;
    return `${message} ${String(cause)} ${stack?.split('\n')[0]}`;
  }
  throw new Error('it was accepted');
}
