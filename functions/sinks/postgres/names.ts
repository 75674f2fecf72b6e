import pg from 'pg';

/** Quotes `orders` or `sales.orders`: each part exactly as it is written, with its upper and lower case. */
export function quotedTable(table: string): string {
  return table.split('.').map(quoted).join('.');
}

/**
 * Tells whether Postgres keeps a name as it is. It cuts a name after 63 bytes of UTF-8 without an error: two long names
 * could become one.
 */
export function isName(name: string): boolean {
  return name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63;
}

export const NAME_RULE = 'a name has 1 to 63 bytes in UTF-8 (an é has 2, an emoji 4)';

export function quoted(name: string): string {
  return pg.escapeIdentifier(name);
}

export function quotedList(names: readonly string[]): string {
  return names.map(quoted).join(', ');
}
