import { once } from 'node:events';
import { expect, it } from 'vitest';
import { parseBrokerUrl } from './broker-url.ts';
import { createDialer } from './dialer.ts';

it.each(['mqtt://127.0.0.1', 'mqtts://127.0.0.1'])(
  'an error thrown while dialling %s counts as a failed attempt',
  async (url) => {
    const dial = createDialer({ ...parseBrokerUrl(url), port: 65_536 });
    const stream = Reflect.apply(dial, undefined, []);
    const [error] = await once(stream, 'error');
    expect(error).toMatchObject({ message: expect.stringContaining('Port should be') });
    expect(stream.destroyed).toBe(true);
  },
);
