import { type Answer, MOST_BYTES, type Question } from '../../../functions/clients/query.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { csvField } from '../../sql/run/output.ts';
import { textTable } from '../../text-table.ts';
import { counted } from './counted.ts';

/** Formats the rows of an answer, without a line break at the end. */
export function answerText(answer: Answer, format: 'table' | 'json' | 'csv'): string {
  const { columns, rows } = answer;
  const names = columns.map(({ name }) => name);
  if (format === 'json') return jsonLines(answer).join('\n');
  if (format === 'csv') return [names, ...rows].map((cells) => cells.map(csvField).join(',')).join('\n');
  const cells = rows.map((row) => row.map((value) => value ?? 'NULL'));
  return [textTable(names, cells), '', counted(rows.length, 'row')].join('\n');
}

/** Says why an answer does not have all rows. Undefined when it has. */
export function cutText({ cut, rows }: Answer, { mostMillis }: Pick<Question, 'mostMillis'>): string | undefined {
  if (cut === undefined) return undefined;
  const after = `cut after ${counted(rows.length, 'row')}`;
  if (cut === 'rows') return `${after}: there are more; show more with --limit (at most 100000)`;
  if (cut === 'time') return `${after}: ${mostMillis / 1_000} s were over; allow more with --timeout (at most 300)`;
  return `${after}: an answer has at most ${MOST_BYTES / 1024 ** 2} MiB; select fewer columns, or fewer rows at a time`;
}

/** The oids of the types whose texts are JSON as they are, or where they are numbers. */
const [BOOLEAN, JSON_TEXTS, NUMBERS] = [16, [114, 3802], [20, 21, 23, 26, 700, 701, 1700]];

/** A number as JSON writes it. Postgres has others too, such as NaN. */
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Writes each row as an object. Numbers keep all of their digits. */
function jsonLines({ columns, rows }: Answer): readonly string[] {
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UserMistake(`two columns have the name '${twice}', and an object has each name once: rename one with AS`);
  return rows.map((row) => {
    const fields = row.map((value, index) => `${JSON.stringify(names[index])}:${jsonOf(value, columns[index]?.type)}`);
    return `{${fields.join(',')}}`;
  });
}

function jsonOf(value: string | null, type: number | undefined): string {
  if (value === null) return 'null';
  if (type === BOOLEAN) return value === 't' ? 'true' : 'false';
  // A line break in JSON is between its values, never in one.
  if (JSON_TEXTS.includes(type ?? 0)) return value.replaceAll(/[\r\n]+/g, ' ');
  return NUMBERS.includes(type ?? 0) && JSON_NUMBER.test(value) ? value : JSON.stringify(value);
}
