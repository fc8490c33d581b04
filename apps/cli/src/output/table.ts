/** Rows as lines whose columns begin beneath one another. `paint` may colour a cell after it was measured. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  paint: (cell: string, column: number, row: number) => string = (cell) => cell,
): string[] {
  const widths = rows.reduce<number[]>((known, row) => row.map((cell, i) => Math.max(known[i] ?? 0, cell.length)), []);
  return rows.map((row, rowIndex) =>
    row
      .map((cell, i) => {
        const isLast = row.slice(i + 1).every((next) => next === '');
        const gap = isLast ? '' : ' '.repeat((widths[i] ?? 0) - cell.length + 2);
        return cell === '' && isLast ? '' : paint(cell, i, rowIndex) + gap;
      })
      .join(''),
  );
}

/** The same with a headline over it: its first column names the rows. */
export const tableLines = (
  header: readonly string[],
  rows: readonly (readonly string[])[],
  style: (format: 'bold' | 'cyan', text: string) => string,
): string[] =>
  alignColumns([header, ...rows], (cell, column, row) => {
    if (row === 0) return style('bold', cell);
    return column === 0 ? style('cyan', cell) : cell;
  });
