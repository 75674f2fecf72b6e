import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import { refuseSurplus } from '../arguments/surplus.ts';
import type { Command, CommandInvocation } from '../command.ts';

export const schema: Command = {
  summary: "locks the versions of streams' schemas, checks their readers, and writes a schema of a table",
  usage: 'check | lock | from-table <database> <table>',
  help: [
    'Each stream has versions of its schema in infra/pipelines/schemas.lock.json (docs/schemas.md).',
    '',
    '  lock                     adds the version of each schema that has changed: commit the file with the change',
    '  check                    finds the steps that would refuse events of a version, each with field and example',
    '  from-table               prints the zod schema for the events of a table that postgresChangesSource follows.',
    '                           <database> is its URL. Without a password in it, PGPASSWORD is taken. It reads the',
    '                           catalogue only',
    '',
    'The exit code of check is 1 when a step would refuse events, or a schema is not locked. cdk synth says the',
    'same, and stops.',
    '',
    'Options:',
    '  --forget <stream>        of lock: drops all versions of <pipeline>/<stream> but the one that its schema has.',
    '                           Use it once no event of them is left in the stream',
    '  --json                   of check: prints a line of JSON for each finding',
  ].join('\n'),
  examples: [
    'millrace schema lock',
    'millrace schema check',
    'millrace schema lock --forget sensors/clean',
    'millrace schema from-table postgres://me@db.example.com/crm?sslmode=verify-full sales.customers',
  ],
  options: { forget: { type: 'string' }, json: { type: 'boolean' } },
  async run(invocation) {
    const { name, positionals, values } = invocation;
    const [what = ''] = positionals;
    const action = Object.hasOwn(ACTIONS, what) ? ACTIONS[what] : undefined;
    if (action === undefined)
      throw new UserMistake(
        what === ''
          ? `missing arguments; use millrace ${name} check, lock or from-table`
          : `unknown argument '${what}'; use millrace ${name} check, lock or from-table`,
      );
    for (const [option, owner] of [
      ['forget', 'lock'],
      ['json', 'check'],
    ] as const)
      if (values[option] !== undefined && what !== owner)
        throw new UserMistake(`--${option} is for millrace ${name} ${owner}: leave it out`);
    return action(invocation);
  },
};

const ACTIONS: Readonly<Record<string, (invocation: CommandInvocation) => Promise<number>>> = {
  check: checkAll,
  lock: lockAll,
  'from-table': fromTable,
};

async function checkAll({ name, positionals, values }: CommandInvocation): Promise<number> {
  refuseSurplus({ name, positionals }, 1);
  const { pipelines } = await import('../../pipelines/all.ts');
  const { checkPipelines } = await import('../actions/check-schemas.ts');
  return checkPipelines(pipelines, { asJson: values.json === true });
}

async function lockAll({ name, positionals, values }: CommandInvocation): Promise<number> {
  refuseSurplus({ name, positionals }, 1);
  const { pipelines } = await import('../../pipelines/all.ts');
  const { lockPipelines } = await import('../actions/check-schemas.ts');
  await lockPipelines(pipelines, { forget: values.forget as string | undefined });
  return 0;
}

async function fromTable({ name, positionals }: CommandInvocation): Promise<number> {
  const [, database, table] = positionals;
  if (database === undefined || table === undefined)
    throw new UserMistake('missing arguments; use millrace schema from-table <database> <table>');
  refuseSurplus({ name, positionals }, 3);
  const { withGivenDatabase } = await import('../target/given-database.ts');
  const { schemaFromTable } = await import('../actions/schema-from-table.ts');
  print((await withGivenDatabase(database, (ask) => schemaFromTable(ask, table))).trimEnd());
  return 0;
}
