import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print, printError } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

export const query: Command = {
  summary: "asks a pipeline's tables with a SELECT",
  usage: "<pipeline> '<statement>' [options]",
  help: [
    "Sends one SELECT, VALUES, TABLE or EXPLAIN to the stage's database. The tables of the pipeline need no",
    'schema in front of their names. Values are shown as Postgres writes them. Nothing can be written: the',
    'transaction is read-only, and its user, millrace_reader, may only read what is granted to it: the',
    'tables of table steps, and what you grant. On AWS a function inside the network of the database asks it.',
    '',
    '  --limit <rows>           most rows to show, up to 100000 (default: 1000)',
    '  --timeout <seconds>      most seconds that the statement may run, up to 300 (default: 30)',
    '  --json                   print a line of JSON for each row',
    '  --csv                    print CSV, with a header',
    targetHelp,
    '',
    'An answer that is cut says so on standard error, with the reason. Exit codes: 0 there is an answer,',
    'cut or not; 2 Postgres or the command refused the statement.',
  ].join('\n'),
  examples: [`millrace query shop "SELECT item, sum(quantity) FROM basket GROUP BY item" --stage prod`],
  options: {
    ...targetOptions,
    limit: { type: 'string' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
    csv: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 2, async (find, { target }) => {
      const { values, positionals, signal } = invocation;
      const [pipeline, statement] = positionals;
      const { name: schema } = find.plan(pipeline);
      if (statement === undefined) throw new UserMistake(`missing statement: millrace query ${schema} "SELECT …"`);
      if (values.json === true && values.csv === true) throw new UserMistake('--json and --csv exclude each other');
      const { askTables } = await import('../../operation/ask-tables.ts');
      const { answerText, cutText } = await import('../reports/answer-report.ts');
      const limits = {
        mostRows: wholeNumber('--limit', values.limit ?? '1000', 100_000),
        mostMillis: wholeNumber('--timeout', values.timeout ?? '30', 300) * 1_000,
      };
      const answer = await askTables(target, { schema, statement, ...limits }, signal);
      const format = values.json === true ? 'json' : values.csv === true ? 'csv' : 'table';
      const text = answerText(answer, format);
      if (text !== '') print(text);
      const cut = cutText(answer, limits);
      if (cut !== undefined) printError(cut);
      return 0;
    }),
};

function wholeNumber(option: string, value: string | boolean, most: number): number {
  const number = /^\d{1,9}$/.test(String(value)) ? Number(value) : 0;
  if (number >= 1 && number <= most) return number;
  throw new UserMistake(`${option} is '${value}'; use a whole number from 1 to ${most}`);
}
