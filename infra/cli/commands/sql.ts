import type { Command } from '../command.ts';

/** Runs a statement over files or standard input: the quickest way to try a transform. */
export const sql: Command = {
  summary: 'runs an SQL statement over files or standard input, or explains the SQL of a transform',
  usage:
    "'<statement>' [files…|-] [options]\n       millrace sql '<statement>' <name>=<file>… [options]\n       millrace sql explain <file.sql>",
  help: [
    'Runs a SELECT over lines of JSON, over a JSON array or over CSV and prints the outputs. Reads standard',
    'input when no file, or -, is given. FROM may give the input any name. Each line is one event, or each',
    'element of a file that is one array; a file whose name ends in .csv is read as CSV. LIMIT ends the',
    'statement after so many outputs. GROUP BY, HAVING, aggregates and ORDER BY work on groups, of which at',
    'most 1,000,000 are kept in memory.',
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
    '"sql explain" shows the plan of a .sql file, its cost and the generated code.',
    '',
    '  --schema file.ts#export     the zod schema of the events; of named inputs, <name>=file.ts#export for',
    '                              each that has one, with commas between them',
    '  --input ndjson|csv          the format of the input (default: csv for *.csv, otherwise ndjson)',
    '  --format ndjson|csv|table   the format of the output (default: ndjson)',
    '  --explain                   print the plan of the statement instead of running it',
    '',
    'Exit codes: 0 all events were processed; 1 some events were rejected (standard error names the first',
    'ten lines with the reason, and counts all of them by reason); 2 the statement or an argument is wrong.',
  ].join('\n'),
  examples: [
    `millrace sql "SELECT order_id, sales FROM input WHERE status = 'COMPLETE'" orders.ndjson`,
    'millrace sql "SELECT region, count(*) FROM input GROUP BY region" orders.csv',
    'millrace sql "SELECT o.order_id, c.segment FROM orders o JOIN customers c ON c.id = o.customer_id" orders=orders.csv customers=customers.csv',
  ],
  options: {
    schema: { type: 'string' },
    input: { type: 'string' },
    format: { type: 'string' },
    explain: { type: 'boolean' },
  },
  async run({ values, positionals }) {
    const { runSqlCommand } = await import('../../sql/run/command.ts');
    const options = Object.entries(values).flatMap(([name, value]) => {
      if (typeof value === 'string') return [`--${name}=${value}`];
      return value === true ? [`--${name}`] : [];
    });
    return runSqlCommand([...options, '--', ...positionals], process);
  },
};
