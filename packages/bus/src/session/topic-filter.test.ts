import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasWildcard, isValidFilter, isValidTopic, matchesFilter } from './topic-filter.ts';

const levelText = fc.stringMatching(/^[a-z0-9 .-]{0,6}$/);
const topicLevels = fc.array(levelText, { minLength: 1, maxLength: 6 }).filter((levels) => levels.join('/') !== '');

describe('a topic', () => {
  it.each(['a', 'a/b', '/', '/a', 'a//b', 'config/orders-api/snapshot', '$SYS/broker', 'é/日本', ' '])(
    '%j is a valid topic',
    (topic) => {
      expect(isValidTopic(topic)).toBe(true);
    },
  );

  it.each(['', '+', 'a/+', '#', 'a/#', 'a+b', 'a#', 'a\0b', '\ud800'])('%j is not a valid topic', (topic) => {
    expect(isValidTopic(topic)).toBe(false);
  });

  it('a topic holds at most 65535 bytes', () => {
    expect(isValidTopic('a'.repeat(65_535))).toBe(true);
    expect(isValidTopic('a'.repeat(65_536))).toBe(false);
    expect(isValidTopic('é'.repeat(32_768))).toBe(false);
  });
});

describe('a filter', () => {
  it.each(['a', '#', '+', 'a/#', 'a/+', '+/a/+', '+/#', '/#', 'a//b', '$SYS/#'])('%j is a valid filter', (filter) => {
    expect(isValidFilter(filter)).toBe(true);
  });

  it.each(['', 'a#', '#/a', 'a/#/b', 'a+', 'a/b+/c', '+#', 'a\0'])('%j is not a valid filter', (filter) => {
    expect(isValidFilter(filter)).toBe(false);
  });

  it('a filter has a wildcard only where + or # stands', () => {
    expect(hasWildcard('a/b')).toBe(false);
    expect(hasWildcard('a/+')).toBe(true);
    expect(hasWildcard('a/#')).toBe(true);
  });
});

describe('a filter matches', () => {
  it.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/tennis/player1/#', 'sport/tennis/player2', false],
    ['sport/#', 'sport', true],
    ['sport/#', 'sports', false],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', 'any/thing', true],
    ['#', '$SYS/broker/uptime', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/broker/uptime', true],
    ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
    ['Accounts', 'ACCOUNTS', false],
    ['a/b', 'a/b/c', false],
    ['a/b/c', 'a/b', false],
  ])('%s and %s: %s', (filter, topic, expected) => {
    expect(matchesFilter(filter, topic)).toBe(expected);
  });

  it('a filter without wildcards matches its own spelling', () => {
    fc.assert(
      fc.property(topicLevels, (levels) => {
        expect(matchesFilter(levels.join('/'), levels.join('/'))).toBe(true);
      }),
    );
  });

  it('a filter matches any topic whose levels differ only where it says +', () => {
    fc.assert(
      fc.property(topicLevels, fc.nat(), levelText, (levels, at, other) => {
        const index = at % levels.length;
        const filter = levels.with(index, '+').join('/');
        const topic = levels.with(index, other).join('/');
        fc.pre(topic !== '' && !topic.startsWith('$'));
        expect(matchesFilter(filter, topic)).toBe(true);
        expect(matchesFilter(filter, `${topic}/deeper`)).toBe(false);
      }),
    );
  });

  it('a filter matches everything at and below the level where it says #', () => {
    fc.assert(
      fc.property(topicLevels, fc.array(levelText, { maxLength: 4 }), (levels, below) => {
        const filter = [...levels, '#'].join('/');
        expect(matchesFilter(filter, [...levels, ...below].join('/'))).toBe(true);
      }),
    );
  });
});
