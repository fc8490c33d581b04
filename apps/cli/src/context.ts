import type { Printer } from './output/printer.ts';
import type { Settings } from './settings.ts';

/** What every command works with. */
export interface Context {
  readonly settings: Settings;
  readonly printer: Printer;
  /** Aborts at Ctrl-C; from the call on, Ctrl-C does not end the process by itself. */
  interrupted(): AbortSignal;
}
