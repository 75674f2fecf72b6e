/**
 * Formats rows as columns of text. Numbers, and texts that are numbers, are right-aligned, everything else left.
 * A line break in a cell becomes a blank, so that no cell looks like another row.
 */
export function textTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : cell.replaceAll(/[\r\n\t]/g, ' '))),
  );
  const widths = header.map((name, column) => Math.max(name.length, ...cells.map((row) => (row[column] ?? '').length)));
  const aligned = (cell: string, column: number, toRight: boolean): string =>
    toRight ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  const line = (row: readonly string[], toRight: (cell: string, column: number) => boolean): string =>
    row
      .map((cell, column) => aligned(cell, column, toRight(cell, column)))
      .join('  ')
      .trimEnd();
  const holdsNumbers = header.map((_, column) => cells.some((row) => NUMBER.test(row[column] ?? '')));
  return [
    line(header, (_, column) => holdsNumbers[column] === true),
    widths.map((width) => '─'.repeat(width)).join('  '),
    ...cells.map((row) => line(row, (cell) => NUMBER.test(cell))),
  ].join('\n');
}

const NUMBER = /^-?\d[\d,]*(\.\d+)?$/;
