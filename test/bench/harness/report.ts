import { loadavg } from 'node:os';
import { median, quantile } from './statistics.ts';

/** One line of the table. */
export interface Row {
  readonly measurement: string;
  readonly what: string;
  readonly broker: string;
  readonly unit: 'ms' | '/s' | 'MB';
  readonly median: number;
  readonly p99: number | undefined;
  readonly samples: number;
  /** What it is held against, of the same run. */
  readonly beside?: string | undefined;
  readonly ratio?: number | undefined;
  readonly goal?: string | undefined;
  readonly isMet?: boolean | undefined;
}

export interface RowOptions {
  readonly unit?: Row['unit'];
  readonly beside?: { readonly name: string; readonly samples: readonly number[] };
  /** At most this ratio to what stands beside it. */
  readonly maxRatio?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Makes the rows of one measurement on one broker. */
export function createRows(measurement: string, broker: string) {
  return (what: string, samples: readonly number[], options: RowOptions = {}): Row => {
    const { unit = 'ms', beside } = options;
    const middle = median(samples);
    const ratio = beside && middle / median(beside.samples);
    return {
      measurement,
      what,
      broker,
      unit,
      median: middle,
      p99: samples.length >= 100 ? quantile(samples, 0.99) : undefined,
      samples: samples.length,
      beside: beside?.name,
      ratio,
      ...judgeGoal(middle, ratio, options),
    };
  };
}

function judgeGoal(middle: number, ratio: number | undefined, options: RowOptions): Pick<Row, 'goal' | 'isMet'> {
  const { maxRatio, atMost, atLeast, unit = 'ms' } = options;
  if (maxRatio !== undefined) return { goal: `≤ ${maxRatio} ×`, isMet: (ratio ?? Number.NaN) <= maxRatio };
  if (atMost !== undefined) return { goal: `≤ ${atMost} ${unit}`, isMet: middle <= atMost };
  if (atLeast !== undefined) return { goal: `≥ ${atLeast} ${unit}`, isMet: middle >= atLeast };
  return {};
}

/** All rows as one Markdown table. */
export function toMarkdown(rows: readonly Row[]): string {
  const head = ['measurement', 'what', 'broker', 'median', 'p99', 'samples', 'ratio', 'goal', 'met'];
  const lines = rows.map((row, i) => [
    rows[i - 1]?.measurement === row.measurement ? '' : row.measurement,
    row.what,
    row.broker,
    `${round(row.median)} ${row.unit}`,
    row.p99 === undefined ? '' : round(row.p99),
    String(row.samples),
    row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} × ${row.beside}`,
    row.goal ?? '',
    row.isMet === undefined ? '' : row.isMet ? 'yes' : 'no',
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function round(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US');
  if (value >= 10) return value.toFixed(value >= 100 ? 0 : 1);
  return value >= 0.1 || value <= 0 ? value.toFixed(2) : value.toPrecision(2);
}

/** What else the machine did, for whoever reads the numbers. */
export const loadNow = (): string =>
  loadavg()
    .map((load) => load.toFixed(1))
    .join(' ');
