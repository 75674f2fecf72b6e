import { join } from 'node:path';
import { READER } from '../../functions/clients/query.ts';
import type { Check } from '../../infra/local/demo/checks.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { outcomeOf } from './command.ts';
import type { Deployed } from './deployed.ts';
import type { Server } from './server.ts';

interface Where {
  readonly server: Server;
  readonly folder: string;
  /** The database in the CDK app's context. */
  readonly context: string;
}

/** Checks that `millrace query` reads the rows of a table through the stage's function, and changes nothing. */
export async function askDeployed(
  { names, database }: Deployed,
  { server, folder, context }: Where,
): Promise<readonly Check[]> {
  await database.query(`GRANT SELECT ON readings TO "${readerOf(context)}"`);
  const { rows } = await database.query<{ count: string }>('SELECT count(*) FROM readings');
  const command = [process.execPath, join(REPOSITORY, 'infra/cli/main.ts'), 'query', 'sensors'];
  const ask = (statement: string) =>
    outcomeOf([...command, statement, '--stage', names.stage, '--csv'], {
      cwd: folder,
      env: server.env,
      log: join(folder, 'query.log'),
    });
  const counted = await ask('SELECT count(*) FROM readings');
  const hostile = await ask("SELECT set_config('transaction_read_only', 'off', true), nextval('nothing')");
  return [
    { what: 'the answer', expected: `count\n${rows[0]?.count}`, found: counted.said.trim() },
    { what: 'exit code', expected: 0, found: counted.code ?? 'none' },
    { what: 'exit code of a statement that would write', expected: 2, found: hostile.code ?? 'none' },
  ];
}

/** Returns the user that reads the database for operators. Undefined: the context names none. */
export function readerOf(context: string): string | undefined {
  const { reader } = JSON.parse(context) as { readonly reader?: { readonly user?: string } };
  return reader && (reader.user ?? READER);
}
