import { type InspectColor, styleText } from 'node:util';

/** What is written to. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Writes for people or, with `isJson`, for machines. */
export interface Printer {
  readonly isJson: boolean;
  readonly isTerminal: boolean;
  /** To standard output. */
  line(text: string): void;
  /** To standard output, indented. */
  json(value: unknown): void;
  /** To standard output, on one line. */
  jsonLine(value: unknown): void;
  /** To standard error. */
  error(text: string): void;
  /** Coloured where standard output is a terminal that wants it. */
  readonly style: Style;
  /** The same for standard error. */
  readonly errorStyle: Style;
}

export type Style = (format: InspectColor, text: string) => string;

export interface PrinterOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly isJson: boolean;
  /** What `NO_COLOR` says; any text but an empty one switches colour off. */
  readonly noColor: string | undefined;
}

export function createPrinter({ stdout, stderr, isJson, noColor = '' }: PrinterOptions): Printer {
  const styleFor = (output: Output): Style =>
    output.isTTY === true && noColor === ''
      ? (format, text) => styleText(format, text, { validateStream: false })
      : (_, text) => text;
  return {
    isJson,
    isTerminal: stdout.isTTY === true,
    line: (text) => void stdout.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    jsonLine: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    error: (text) => void stderr.write(`${text}\n`),
    style: styleFor(stdout),
    errorStyle: styleFor(stderr),
  };
}
