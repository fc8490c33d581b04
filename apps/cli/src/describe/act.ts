import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Carries a command out. What is loaded for it is loaded when it is called: `--help` waits for nothing. */
export type Act = (perform: (context: Context) => Promise<ExitCode>) => Promise<void>;
