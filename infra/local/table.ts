/** Rows as text in columns: numbers to the right, everything else to the left. */
export function textTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-US') : cell)));
  const widths = header.map((name, column) => Math.max(name.length, ...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[], isNumber: (column: number) => boolean): string =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const isNumberColumn = (column: number): boolean => rows.some((row) => typeof row[column] === 'number');
  return [
    line(header, isNumberColumn),
    widths.map((width) => '─'.repeat(width)).join('  '),
    ...cells.map((row, index) => line(row, (column) => typeof rows[index]?.[column] === 'number')),
  ].join('\n');
}
