import pg from 'pg';

/** Quotes `orders` or `sales.orders`: each part exactly as it is written, with its upper and lower case. */
export function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.');
}

export function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

export function quotedList(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}
