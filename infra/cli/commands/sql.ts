import type { Command } from '../command.ts';

/** `millrace sql`: the quickest way to try a transform. */
export const sql: Command = {
  summary: 'runs a SQL statement over events from files or standard input, or explains one of a transform',
  usage: "'<statement>' [files…|-] [options]\n       millrace sql explain <file.sql>",
  help: [
    'Runs a SELECT over lines of JSON or CSV (a file that ends in .csv), to standard output. FROM may name the input as you like.',
    'A column of CSV is of the type that the schema says; without one, numeric or boolean where all of the first cells are, else text.',
    '',
    '  --schema file.ts#export   the zod schema of the events; without it, columns are inferred from the first lines',
    '  --input ndjson|csv        what the input is, when its name does not say',
    '  --format ndjson|csv|table what to print (ndjson)',
    '  --explain                 prints the plan instead of running it',
    '',
    'Exit code: 0 done, 1 some events were rejected (each is named on standard error), 2 the statement or an argument is wrong.',
  ].join('\n'),
  options: {
    schema: { type: 'string' },
    input: { type: 'string' },
    format: { type: 'string' },
    explain: { type: 'boolean' },
  },
  async run({ values, positionals }) {
    const { runSqlCommand } = await import('../../sql/run/command.ts');
    const options = Object.entries(values).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    return runSqlCommand([...options, '--', ...positionals], process);
  },
};
