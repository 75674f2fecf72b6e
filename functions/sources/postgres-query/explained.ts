import pg from 'pg';
import { UserMistake } from '../../runtime/errors.ts';

/** Names what an operator or the pipeline's author has to correct. Every other error stays as it is. */
export function explained(
  error: unknown,
  { table, user }: { readonly table: string | undefined; readonly user: string },
): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  const { code, message } = error;
  const what = table === undefined ? 'the query' : `the table ${table}`;
  switch (code) {
    case '42P01':
    case '3F000':
      return table === undefined
        ? new UserMistake(`the query cannot be read: ${message}: correct 'query'`)
        : new UserMistake(`${what} does not exist, or the user '${user}' may not see its schema: correct 'table'`);
    case '42501': {
      const name = (table ?? '<table>')
        .split('.')
        .map((part) => (table === undefined ? part : pg.escapeIdentifier(part)));
      const usage = name.length > 1 ? `GRANT USAGE ON SCHEMA ${name[0]} TO ${pg.escapeIdentifier(user)}; ` : '';
      return new UserMistake(
        `the user '${user}' may not read ${what}: ${message}: ${usage}GRANT SELECT ON ${name.join('.')} TO ${pg.escapeIdentifier(user)}`,
      );
    }
    default:
      // Syntax errors, and names that do not exist.
      return table === undefined && code?.startsWith('42')
        ? new UserMistake(`the query cannot be read: ${message}: correct 'query'`)
        : error;
  }
}
