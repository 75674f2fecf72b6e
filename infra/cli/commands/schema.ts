import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command } from '../command.ts';

export const schema: Command = {
  summary: "writes the schema of a stream from a table's columns",
  usage: 'from-table <database> <table>',
  help: [
    'Prints the zod schema for the events of a table that postgresChangesSource follows. <database> is the',
    "database's URL. Without a password in it, the command takes PGPASSWORD. It reads the catalogue only.",
  ].join('\n'),
  examples: ['millrace schema from-table postgres://me@db.example.com/crm?sslmode=verify-full sales.customers'],
  options: {},
  async run({ name, positionals }) {
    const [what, database, table] = positionals;
    if (what !== 'from-table' || database === undefined || table === undefined)
      throw new UserMistake('missing arguments; use millrace schema from-table <database> <table>');
    refuseSurplus({ name, positionals }, 3);
    const { withGivenDatabase } = await import('../target/given-database.ts');
    const { schemaFromTable } = await import('../actions/schema-from-table.ts');
    print((await withGivenDatabase(database, (ask) => schemaFromTable(ask, table))).trimEnd());
    return 0;
  },
};
