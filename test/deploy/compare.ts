import { join } from 'node:path';
import type { Check } from '../../infra/local/demo/checks.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { outcomeOf } from './command.ts';
import type { Deployed } from './deployed.ts';
import type { Server } from './server.ts';

interface Where {
  readonly server: Server;
  readonly folder: string;
}

/** Checks that `millrace compare` finds two deployed sinks alike, and a row that one of them alone has. */
export async function compareDeployed(
  { names, database }: Deployed,
  { server, folder }: Where,
): Promise<readonly Check[]> {
  const command = [process.execPath, join(REPOSITORY, 'infra/cli/main.ts'), 'compare', 'sensors', 'readings', 'lake'];
  const compare = () =>
    outcomeOf([...command, '--stage', names.stage, '--json'], {
      cwd: folder,
      env: server.env,
      log: join(folder, 'compare.log'),
    });
  const alike = await compare();
  const { rows } = await database.query<{ date: string }>(
    `INSERT INTO readings SELECT (jsonb_populate_record(one, '{"sensor_id":"planted"}')).* FROM readings AS one LIMIT 1
     RETURNING date::text`,
  );
  const planted = await compare();
  await database.query("DELETE FROM readings WHERE sensor_id = 'planted'");
  const [, difference = 'null'] = planted.said.split('\n').filter((line) => line.startsWith('{'));
  const found = JSON.parse(difference) as { readonly kind: string; readonly id: readonly string[] } | null;
  return [
    { what: 'exit code of sinks that agree', expected: 0, found: alike.code ?? 'none' },
    { what: 'exit code with a planted row', expected: 1, found: planted.code ?? 'none' },
    {
      what: 'the planted row',
      expected: `only-a planted ${rows[0]?.date}`,
      found: `${found?.kind} ${found?.id.join(' ')}`,
    },
  ];
}
