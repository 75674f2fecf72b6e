import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { Command, CommandInvocation } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';

const statementOptions = {
  schema: { type: 'string' },
  input: { type: 'string' },
  format: { type: 'string' },
  explain: { type: 'boolean' },
} as const;

/** Runs a statement over files or standard input: the quickest way to try a transform. */
export const sql: Command = {
  summary: 'runs an SQL statement over files or standard input, explains SQL, or says what deploying it does to tables',
  usage:
    "'<statement>' [files…|-] [options]\n       millrace sql '<statement>' <name>=<file>… [options]\n       millrace sql explain <file.sql>\n       millrace sql plan [pipeline] [options]",
  help: [
    'Runs a SELECT over lines of JSON, over a JSON array or over CSV and prints the outputs. Reads standard',
    'input when no file, or -, is given. FROM may give the input any name. Each line is one event, or each',
    'element of a file that is one array; a file whose name ends in .csv is read as CSV. LIMIT ends the',
    'statement after so many outputs. GROUP BY, WINDOW, HAVING, aggregates and ORDER BY work on groups, of',
    'which at most 1,000,000 are kept in memory.',
    '',
    'Files with names are several inputs: FROM names them, and may join two of them with JOIN, LEFT, RIGHT',
    'or FULL JOIN. The rows of the right one are kept in memory, at most 1,000,000 of them. A name that is',
    'given twice has two files. For a file whose own name has an equals sign, write ./a=b.csv.',
    '',
    'The schema gives the types of the columns. The header of CSV may have blanks around its names, and',
    'other capitals than the schema. Without a schema the types are inferred from the first lines; a',
    'column of CSV is then numeric or boolean if all of its first cells look like that, otherwise text.',
    'A note says where a column turned from numbers to text.',
    '',
    'CREATE TABLE … AS SELECT … and SELECT DISTINCT ON (key) … run over files as they do in a table step.',
    '',
    '"sql explain" shows the plan of a .sql file, what a table keeps of each row, cost and the generated code.',
    '',
    '"sql plan" says what the tables of a pipeline would become if you deployed the code as it is: compared',
    'with what the stage has, a table is new or unchanged, or its change is',
    '  transparent            its state goes on',
    '  rebuild from the log   its state has to be made again, and the log has all of its events',
    '  refused                its state would have to be made again, and cannot: the log has lost some of its events,',
    '                         or it is of a join that keeps too little of them',
    'It changes nothing. The lines below a table say what differs, and what to do.',
    '',
    '  --schema file.ts#export     the zod schema of the events; of named inputs, <name>=file.ts#export for',
    '                              each that has one, with commas between them',
    '  --input ndjson|csv          the format of the input (default: csv for *.csv, otherwise ndjson)',
    '  --format ndjson|csv|table   the format of the output (default: ndjson)',
    '  --explain                   print the plan of the statement instead of running it',
    '  --json                      of "sql plan": print a line of JSON for each table',
    targetHelp.replace('the command uses', '"sql plan" uses'),
    '',
    'Exit codes: 0 all events were processed; 1 some events were rejected (standard error names the first',
    'ten lines with the reason, and counts all of them by reason); 2 the statement or an argument is wrong.',
    'Of "sql plan": 0 every table goes on or is new; 1 the step of a table would stop.',
  ].join('\n'),
  examples: [
    `millrace sql "SELECT order_id, sales FROM input WHERE status = 'COMPLETE'" orders.ndjson`,
    'millrace sql "SELECT region, count(*) FROM input GROUP BY region" orders.csv',
    'millrace sql plan shop --stage prod',
    'millrace sql "SELECT o.order_id, c.segment FROM orders o JOIN customers c ON c.id = o.customer_id" orders=orders.csv customers=customers.csv',
  ],
  options: { ...statementOptions, ...targetOptions, json: { type: 'boolean' } },
  async run(invocation) {
    const { values, positionals } = invocation;
    const isPlan = positionals[0] === 'plan';
    const others = isPlan ? statementOptions : { ...targetOptions, json: undefined };
    const other = Object.keys(values).find((option) => option in others);
    if (other !== undefined) throw new UserMistake(`--${other} is an option of ${isPlan ? 'a statement' : 'sql plan'}`);
    if (isPlan) return planned(invocation);
    const { runSqlCommand } = await import('../../sql/run/command.ts');
    const options = Object.entries(values).flatMap(([name, value]) => {
      if (typeof value === 'string') return [`--${name}=${value}`];
      return value === true ? [`--${name}`] : [];
    });
    return runSqlCommand([...options, '--', ...positionals], process);
  },
};

async function planned({ name, positionals, ...invocation }: CommandInvocation): Promise<number> {
  const { planTables } = await import('../actions/plan-tables.ts');
  return planTables({ ...invocation, name: `${name} plan`, positionals: positionals.slice(1) });
}
