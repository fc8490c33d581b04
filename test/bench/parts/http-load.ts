import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { servePart } from '../harness/part.ts';

export interface HttpLoadPart {
  readonly perSecond: number;
}

export interface HttpLoadRun {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

// Asks at fixed moments, whether or not the answers before have come: who waits for them would not see a pause of the server.

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let perSecond: number;

/** Milliseconds from when it was to be asked until the answer is here to its end. */
function ask({ url, headers }: HttpLoadRun, dueMs: number): Promise<number> {
  return new Promise((settle, fail) => {
    const request = get(url, { agent, headers }, (response) => {
      const { statusCode = 0 } = response;
      if (statusCode !== 200 && statusCode !== 304) fail(new Error(`the answer was ${statusCode}`));
      response.resume().once('end', () => settle(performance.now() - dueMs));
    });
    request.once('error', fail);
  });
}

servePart({
  open: (options: HttpLoadPart) => {
    perSecond = options.perSecond;
  },
  /** One second of it: the time of every answer. */
  run: async (wanted: HttpLoadRun) => {
    const answers: Promise<number>[] = [];
    const startedAt = performance.now();
    while (answers.length < perSecond) {
      const due = Math.min(perSecond, Math.ceil(((performance.now() - startedAt) * perSecond) / 1000));
      while (answers.length < due) {
        // What the timer is late is its own fault, and none of the server's.
        answers.push(ask(wanted, performance.now()));
      }
      await delay(1);
    }
    return Promise.all(answers);
  },
  close: () => agent.destroy(),
});
