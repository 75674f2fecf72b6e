import { UserMistake } from '../../../functions/runtime/errors.ts';
import { print } from '../../terminal.ts';
import type { Command } from '../command.ts';
import { targetHelp, targetOptions } from '../target/options.ts';
import { withTarget } from '../target/with-target.ts';

const MOST_SHOWN = 10_000;

export const compare: Command = {
  summary: 'compares what two sinks on one stream have stored: rows, lag, bytes, requests and their price',
  usage: '<pipeline> <sink a> <sink b> [options]',
  help: [
    'Reads all rows of both sinks: tables of Postgres, of DynamoDB and of Iceberg, files of NDJSON and of',
    'Parquet. A sink that keeps a row for each key is compared with the last event of each key in the other',
    'one. 1.0 and 1 are one number, and times are compared as times. docs/compare.md says what else counts',
    'as the same.',
    '',
    'The sinks go on meanwhile. A row waits when an event of it is one that a sink has not processed, or is',
    'processing again: it does not count as a difference.',
    '',
    'The rows pass through a temporary folder of this machine (TMPDIR), which needs as much space as they',
    'have bytes. Where a row does not name its event, the log is searched for it: 1 GB in one shard takes',
    'about ten minutes on AWS, and the reads of a shard are shared with the steps that read it.',
    '',
    '  --limit <rows>           most differences to name, up to 10000 (default: 20)',
    '  --no-search              do not search the log for the events of rows that differ',
    '  --json                   print lines of JSON: a summary, then one for each difference that is named',
    targetHelp,
    '',
    'Exit codes: 0 no difference, 1 there are differences, 2 the sinks cannot be compared.',
  ].join('\n'),
  examples: [
    'millrace compare sensors readings lake',
    'millrace compare orders completed_orders orders_by_key --stage prod --limit 100',
  ],
  options: {
    ...targetOptions,
    limit: { type: 'string' },
    'no-search': { type: 'boolean' },
    json: { type: 'boolean' },
  },
  run: (invocation) =>
    withTarget(invocation, 3, async (find, { target }) => {
      const { positionals, values, signal } = invocation;
      const [pipeline, a, b] = positionals;
      const pair = { a: find.step(pipeline, a), b: find.step(pipeline, b) };
      const limit = limitOf(values.limit ?? '20');
      const { compareSinks } = await import('../../operation/compare/compare.ts');
      const { compareLines, compareReport, openCompareProgress } = await import('../reports/compare-report.ts');
      const comparison = await compareSinks(pair, {
        target,
        limit,
        searches: values['no-search'] !== true,
        onProgress: openCompareProgress(),
        signal,
      });
      if (values.json === true) for (const line of compareLines(comparison)) print(line);
      else print(compareReport(comparison));
      const { differencesOf } = await import('../../operation/compare/side-by-side.ts');
      return differencesOf(comparison.counts) === 0 ? 0 : 1;
    }),
};

function limitOf(value: string | boolean): number {
  const number = /^\d{1,9}$/.test(String(value)) ? Number(value) : -1;
  if (number >= 0 && number <= MOST_SHOWN) return number;
  throw new UserMistake(`--limit is '${value}'; use a whole number from 0 to ${MOST_SHOWN}`);
}
