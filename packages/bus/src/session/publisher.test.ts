import { describe, expect, it } from 'vitest';
import type { Link, LinkMessage } from './link.ts';
import { resolveBusOptions } from './options.ts';
import { Publisher } from './publisher.ts';

/** A link that throws for the topics that begin with `bad`, and keeps the others unanswered. */
function open() {
  const sent: LinkMessage[] = [];
  const answers: (() => void)[] = [];
  const link = {
    publish(message: LinkMessage, done: () => void) {
      if (message.topic.startsWith('bad')) throw new TypeError('no packet can be made of it');
      sent.push(message);
      answers.push(done);
    },
  } as Partial<Link> as Link;
  const publisher = new Publisher(link, resolveBusOptions({}));
  const connect = (): void => publisher.connected({ receiveMaximum: 8, maxPacketBytes: Number.POSITIVE_INFINITY });
  return { publisher, connect, sent, answers };
}

describe('a message that no packet can be made of', () => {
  it('a message that no packet can be made of is refused, and disturbs neither the connection nor later messages', async () => {
    const { publisher, connect, sent, answers } = open();
    const bad = Array.from({ length: 20 }, (_, n) => publisher.publish(`bad/${n}`, 'x'));
    const good = publisher.publish('good', 'x');
    const refused = Promise.allSettled(bad);
    expect(connect).not.toThrow();
    for (const { status, reason } of (await refused) as PromiseRejectedResult[]) {
      expect([status, reason.code, reason.cause.name]).toEqual(['rejected', 'publish_refused', 'TypeError']);
    }
    expect(sent.map(({ topic }) => topic)).toEqual(['good']);
    answers[0]?.();
    await good;
    publisher.lost(true);
    expect(connect).not.toThrow();
    expect(sent).toHaveLength(1);
  });

  it('a QoS 0 message that no packet can be made of is refused and takes no place', async () => {
    const { publisher, connect } = open();
    connect();
    for (let n = 0; n < 1001; n += 1) {
      await expect(publisher.publish('bad', 'x', { qos: 0 })).rejects.toMatchObject({ code: 'publish_refused' });
    }
    await publisher.drain(60_000);
  });
});

it('publish sends the properties it was called with, although the caller changes them later', async () => {
  const { publisher, connect, sent, answers } = open();
  const properties = { contentType: 'text/plain', user: { a: 'b' } };
  const published = publisher.publish('a', 'x', { properties });
  Object.assign(properties, { contentType: 5 }).user.a = 5 as never;
  connect();
  expect(sent[0]?.properties).toEqual({ contentType: 'text/plain', user: { a: 'b' } });
  answers[0]?.();
  await published;
});

describe('a call that can not be right', () => {
  it.each([undefined, null, 5, 10n, Symbol('a'), {}, ['a'], '', 'a/+', '#', 'a\0', '\ud800', 'x'.repeat(65_536)])(
    'a publish without a valid topic is refused (%#)',
    async (topic) => {
      const { publisher } = open();
      await expect(publisher.publish(topic as string, 'x')).rejects.toMatchObject({ code: 'topic_invalid' });
    },
  );

  it.each([undefined, null, 5, {}, ['a'], new Uint16Array(1)])(
    'a publish without a valid payload is refused (%#)',
    async (payload) => {
      const { publisher } = open();
      await expect(publisher.publish('a', payload as string)).rejects.toMatchObject({
        code: 'options_invalid',
        message: 'publish was called with wrong options: payload must be bytes or a text',
      });
    },
  );

  it('a publish with wrong options rejects with all faults at once', async () => {
    const { publisher } = open();
    const properties = { contentType: 5, responseTopic: 'a/#', messageExpirySeconds: 0.5, user: { a: 5 }, foo: 'a' };
    const options = { qos: 2, retain: 'yes', properties, bogus: 1 } as never;
    await expect(publisher.publish('a', 'x', options)).rejects.toMatchObject({
      code: 'options_invalid',
      message:
        'publish was called with wrong options: qos is 0 or 1; retain must be true or false; ' +
        'properties.contentType must be a text of up to 65535 bytes; ' +
        'properties.responseTopic must be a topic without wildcards; ' +
        'properties.messageExpirySeconds must be a whole number from 0 to 4294967295; ' +
        'properties.user must be an object of texts of up to 65535 bytes; properties.foo is no option; bogus is no option',
    });
    await expect(publisher.publish('a', 'x', null as never)).rejects.toMatchObject({
      message: 'publish was called with wrong options: the options must be an object',
    });
  });
});
