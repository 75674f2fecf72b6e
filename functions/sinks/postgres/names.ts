import pg from 'pg';

/** `orders` or `sales.orders`, each part taken as it is written, capitals included, and quoted. */
export function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.');
}

export function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

export function quotedList(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}
