import { PassThrough } from 'node:stream';
import { parseTemplate } from '@setpoint/authoring/template';
import { describe, expect, it } from 'vitest';
import { askAnswers, type GivenAnswers } from './init-questions.ts';

const templates = [
  parseTemplate('first', 'description: One.\nparameters: []\nfiles: [{ from: a, to: a }]\n'),
  parseTemplate(
    'second',
    `
description: Two.
parameters:
  - { name: port, type: integer, description: The port, default: 80, byEnvironment: { development: 8080 } }
  - { name: level, type: string, description: What is logged, oneOf: [info, debug], default: info }
files: [{ from: a, to: a }]
`,
  ),
];
const enter = '\r';
const down = '\u001b[B';

/** Answers each question when it is there. */
async function answer(given: GivenAnswers, keys: readonly (readonly [question: string, keys: string])[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  // A question ends its output; the next one goes on.
  output.end = () => output;
  let shown = '';
  const left = [...keys];
  output.on('data', (chunk: Buffer) => {
    shown += chunk;
    const [question, typed] = left[0] ?? [];
    if (question === undefined || !shown.includes(question)) return;
    left.shift();
    shown = '';
    // The question listens when it has been drawn.
    setImmediate(() => input.write(typed));
  });
  return askAnswers(given, templates, { input, output });
}

describe('init asks', () => {
  it('for the service, the template, the environment, and what is left blank', async () => {
    const answers = await answer({ values: {} }, [
      ['Service', `stt${enter}`],
      ['Template', `${down}${enter}`],
      ['Environment', `${down}${enter}`],
      ['The port', enter],
      ['What is logged', `${down}${enter}`],
    ]);
    expect(answers).toEqual({
      service: 'stt',
      template: 'second',
      environment: 'development',
      values: { port: '8080', level: 'debug' },
    });
  });

  it('not for what is given', async () => {
    const given = { service: 'stt', template: 'second', environment: '', values: { level: 'debug' } };
    expect(await answer(given, [['The port', `81${enter}`]])).toEqual({
      ...given,
      values: { level: 'debug', port: '81' },
    });
  });

  it('and stops at Ctrl-C', async () => {
    await expect(answer({ values: {} }, [['Service', '\u0003']])).rejects.toThrow('nothing is written');
  });
});
