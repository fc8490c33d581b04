import { createContext, Script } from 'node:vm';

interface Task {
  run: () => void;
}

let kept: { readonly task: Task; readonly context: object } | undefined;
const script = new Script('run()', { filename: 'rule' });

/**
 * Calls `run`, and ends it by force after `limitMs`. What it calls is ended too, wherever it was made: this guards
 * against a rule that never ends, not against one that means harm.
 * @returns false where it was ended
 * @throws what `run` throws
 */
export function runWithin(limitMs: number, run: () => void): boolean {
  kept ??= openContext();
  const { task, context } = kept;
  const outer = task.run;
  task.run = run;
  try {
    script.runInContext(context, { timeout: limitMs });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
    throw cause;
  } finally {
    task.run = outer;
  }
}

function openContext(): { readonly task: Task; readonly context: object } {
  const task: Task = { run: () => undefined };
  return { task, context: createContext(task) };
}
