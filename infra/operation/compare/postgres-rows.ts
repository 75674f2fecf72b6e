import pg from 'pg';
import { type Answer, askDatabase, type Question, type Reply } from '../../../functions/clients/query.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { EVENT_COLUMN, readEventNote } from '../../../functions/sinks/postgres/event-column.ts';
import { quoted, quotedTable } from '../../../functions/sinks/postgres/names.ts';
import { postgresDefinition } from '../../../functions/sinks/postgres/postgres.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { parseExactly } from './exact-json.ts';
import { columnForm, isWrittenAsJson, type TableColumn } from './postgres-columns.ts';
import { prices } from './prices.ts';
import type { Footprint, OpenRows, Reading, SinkView, StoredEvent, StoredRow } from './stored-rows.ts';

/** A table of a Postgres sink: a row for each key, or for each event. */
export function postgresView(step: SinkPlan): SinkView {
  const options = parseOrExplain(postgresDefinition.options, step.options, `the options of '${step.name}'`);
  const { table, key, mode, database } = options;
  return {
    step,
    keeps: key === undefined ? 'events' : 'latest',
    ...(key === undefined ? {} : { key }),
    removes: mode === 'mirror',
    stores: new Set(),
    async open({ target, signal }) {
      const asking = await openAsking(step, { target, isOwn: database === undefined, signal });
      return openTable({ step, table, key, asking });
    },
  };
}

/** Asks a database as one of its users, who sees the tables of a schema. */
interface Asking {
  readonly schema: string;
  /** Set where the database does not answer from here: why. */
  readonly away?: string;
  ask(question: Question): Promise<Reply>;
}

/** A connection to an address without a route never fails by itself. */
const REACHES_MILLIS = 10_000;
const QUESTION_MILLIS = 300_000;

/**
 * Asks the database as the sink does, in a transaction that only reads. One that does not answer from here is asked
 * through the function in its network, as the user who may only read.
 */
async function openAsking(
  step: SinkPlan,
  { target, isOwn, signal }: Pick<Reading, 'target' | 'signal'> & { readonly isOwn: boolean },
): Promise<Asking> {
  try {
    const server = await target.databaseOf(step, signal);
    const direct: Asking = { schema: server.user, ask: (question) => askDatabase(server, question, signal) };
    const look = { schema: server.user, statement: 'SELECT 1', mostRows: 1, mostMillis: REACHES_MILLIS };
    await askDatabase(server, look, AbortSignal.any([signal, AbortSignal.timeout(REACHES_MILLIS)]));
    return direct;
  } catch (error) {
    signal.throwIfAborted();
    const { message: away } = error as Error;
    if (isOwn) return { schema: 'public', away, ask: (question) => target.ask(question, signal) };
    throw new UserMistake(
      `the database of '${step.name}' does not answer from here (${away}): run compare where it does`,
    );
  }
}

interface OpeningTable {
  readonly step: SinkPlan;
  readonly table: string;
  readonly key: readonly string[] | undefined;
  readonly asking: Asking;
}

async function openTable(of: OpeningTable): Promise<OpenRows> {
  const { table, key, asking } = of;
  const answer = async (statement: string): Promise<Answer> => {
    const question = { schema: asking.schema, statement, mostRows: 100_000, mostMillis: QUESTION_MILLIS };
    const reply = await asking.ask(question);
    if (!('refusal' in reply)) return reply;
    throw new UserMistake(refusalText(of, reply.refusal));
  };
  const columns = await columnsOf(answer, table);
  let questions = 0;
  const asked = (statement: string): Promise<Answer> => {
    questions += 1;
    return answer(statement);
  };
  return {
    fields: new Set(columns.filter(({ name }) => name !== EVENT_COLUMN).map(({ name }) => name)),
    forms: new Map(
      columns.flatMap((column) => {
        const form = columnForm(column);
        return form === undefined ? [] : [[column.name, form] as const];
      }),
    ),
    async *rows() {
      if (columns.length === 0) return;
      for (const leaf of await leavesOf(answer, table)) {
        if (key === undefined) yield* appended(asked, { leaf, columns, where: 'true' });
        else yield* keyed(asked, { leaf, columns, key });
      }
    },
    async footprint(): Promise<Footprint> {
      const bytes = columns.length === 0 ? 0 : await sizeOf(answer, table);
      return {
        bytes,
        storagePrice: prices.rdsStorage(bytes),
        requests: [],
        read: [{ what: 'questions to the database', count: questions }],
      };
    },
  };
}

const NO_RIGHT = '42501';

function refusalText(
  { step, table, asking: { away } }: OpeningTable,
  { message, code }: { readonly message: string; readonly code: string },
): string {
  const hint =
    code === NO_RIGHT && away !== undefined
      ? `; the database does not answer from here (${away}), so it is asked as millrace_reader: GRANT SELECT ON ${table} TO millrace_reader (docs/tables.md#ask-a-table)`
      : '';
  return `the table of '${step.name}' cannot be read: ${message}${hint}`;
}

type Ask = (statement: string) => Promise<Answer>;

/** Lists the columns of a table. None: the table is not there, because the sink makes it with the first event. */
async function columnsOf(ask: Ask, table: string): Promise<readonly TableColumn[]> {
  const { rows } =
    await ask(`SELECT a.attname, CASE t.typbasetype WHEN 0 THEN t.oid ELSE t.typbasetype END, t.typcategory
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = to_regclass(${nameOf(table)}) AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum`);
  return rows.map(([name, type, category]) => ({ name: String(name), type: Number(type), category: String(category) }));
}

/** Lists what holds the rows of a table: itself, or its partitions. */
async function leavesOf(ask: Ask, table: string): Promise<readonly string[]> {
  const { rows } = await ask(
    `SELECT relid::regclass::text FROM pg_catalog.pg_partition_tree(to_regclass(${nameOf(table)})) WHERE isleaf ORDER BY 1`,
  );
  return rows.length === 0 ? [quotedTable(table)] : rows.map(([leaf]) => String(leaf));
}

async function sizeOf(ask: Ask, table: string): Promise<number> {
  const { rows } = await ask(`SELECT coalesce(sum(pg_total_relation_size(relid)), 0)
    FROM (SELECT relid FROM pg_catalog.pg_partition_tree(to_regclass(${nameOf(table)}))
          UNION SELECT to_regclass(${nameOf(table)})) AS parts`);
  return Number(rows[0]?.[0]);
}

const nameOf = (table: string): string => pg.escapeLiteral(quotedTable(table));

interface Portions {
  readonly leaf: string;
  readonly columns: readonly TableColumn[];
}

/** Reads in the order of the key, so that a row that is written meanwhile is read once. */
async function* keyed(
  ask: Ask,
  { leaf, columns, key }: Portions & { readonly key: readonly string[] },
): AsyncGenerator<readonly StoredRow[]> {
  const keys = key.map((name) => `of_table.${quoted(name)}`);
  // A unique index lets nulls pass.
  const someNull = key.map((name) => `${quoted(name)} IS NULL`).join(' OR ');
  for (let after: readonly string[] | undefined; ; ) {
    const from: string =
      after === undefined ? '' : ` AND (${keys.join(', ')}) > (${after.map(pg.escapeLiteral).join(', ')})`;
    const answer = await ask(
      `SELECT ${keys.map((name, index) => `${name}::text AS key_${index}`).join(', ')}, ${selected(columns)}
         FROM ${leaf} AS of_table WHERE NOT (${someNull})${from} ORDER BY ${keys.join(', ')}`,
    );
    if (answer.rows.length > 0) yield answer.rows.map((row) => rowOf(row.slice(key.length), columns));
    if (answer.cut === undefined) break;
    after = progressOf(answer, leaf).slice(0, key.length) as readonly string[];
  }
  yield* appended(ask, { leaf, columns, where: someNull });
}

/** Reads in the order in which rows lie. Rows that only come are never moved. */
async function* appended(
  ask: Ask,
  { leaf, columns, where }: Portions & { readonly where: string },
): AsyncGenerator<readonly StoredRow[]> {
  let read = 0;
  for (let after = '(0,0)'; ; ) {
    const answer = await ask(
      `SELECT of_table.ctid::text AS place, ${selected(columns)} FROM ${leaf} AS of_table
        WHERE of_table.ctid > '${after}'::tid AND (${where}) ORDER BY of_table.ctid`,
    );
    const rows = answer.rows.map(([, ...row]) => {
      // Where a row lies says nothing for certain about when it came: each is a group of its own.
      const at = String(++read).padStart(15, '0');
      return { ...rowOf(row, columns), order: { group: `${leaf} ${at}`, from: '', to: LATEST, at } };
    });
    if (rows.length > 0) yield rows;
    if (answer.cut === undefined) return;
    after = String(progressOf(answer, leaf)[0]);
  }
}

/** Sorts behind every position. */
const LATEST = '~';

function progressOf({ rows, cut }: Answer, leaf: string): readonly (string | null)[] {
  const last = rows.at(-1);
  if (last !== undefined) return last;
  throw new UserMistake(
    cut === 'bytes'
      ? `a row of ${leaf} has more than 4 MiB, and compare reads less: compare other sinks`
      : `${leaf} gave no row in ${QUESTION_MILLIS / 1_000} s: look at its locks`,
  );
}

function selected(columns: readonly TableColumn[]): string {
  return columns
    .map((column) => (isWrittenAsJson(column) ? `to_json(${quoted(column.name)})::text` : quoted(column.name)))
    .join(', ');
}

function rowOf(values: readonly (string | null)[], columns: readonly TableColumn[]): StoredRow {
  const data: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  let event: StoredEvent | undefined;
  for (const [index, column] of columns.entries()) {
    const value = values[index] ?? null;
    if (column.name === EVENT_COLUMN) event = eventOf(value);
    else data[column.name] = value !== null && isWrittenAsJson(column) ? parseExactly(value) : value;
  }
  return event === undefined ? { data } : { data, event };
}

/** Reads where the event of a row is, if the row says it: that of a transform's output, it does not. */
function eventOf(value: string | null): StoredEvent | undefined {
  const place = readEventNote(value ?? '')?.place;
  return place && { place };
}
