import type { Command } from 'commander';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';

/** Runs the body of a verb with the settings of the command line. */
export type Act = (body: (context: Context) => Promise<ExitCode>) => Promise<void>;

/** Adds the flags of a verb to its command, and what it does. */
export type DefineVerb = (command: Command, act: Act) => void;
