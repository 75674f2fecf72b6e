import pg from 'pg';
import { connectPostgres } from '../../clients/postgres.ts';
import type { PostgresServer } from '../../clients/postgres-login.ts';
import { TEXT_SETTINGS } from '../../clients/postgres-types.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';
import type { PulledPage, PullTurn } from '../../runtime/source.ts';
import { columnsOf, dataExpression } from './columns.ts';
import { explained } from './explained.ts';
import { whoHolds } from './holder.ts';
import { checkLimit, columnOf, highestValue, type Limit, limitCondition, oldestStart } from './limit.ts';
import { beginningAt, boundAt, boundsAfter, type Moment, readMoment } from './moment.ts';
import { pagesOfCursor } from './pages.ts';
import { placeOf, type RowPlace, type TablePosition } from './position.ts';
import { eventsOf, type RowsShape } from './rows.ts';

export interface TableReader {
  readonly server: PostgresServer;
  /** `<pipeline>/<step>`: the database shows it in its list of connections. */
  readonly step: string;
  readonly table: string;
  readonly schema: WireSchema;
  readonly shape: RowsShape;
  readonly limit: Limit | undefined;
}

type Page = PulledPage<TablePosition>;

/**
 * Reads the rows of the transactions from the last horizon to the one of now. The horizon is the oldest transaction
 * that is not over: what is below it is complete, whatever order transactions commit in, so no row is lost that is
 * committed late. An event has the transaction and the place of its row as its name. Both are the same however often it
 * is read.
 */
export async function* readTable(
  reader: TableReader,
  from: TablePosition | undefined,
  turn: PullTurn,
): AsyncGenerator<Page> {
  const { server, step, table, limit } = reader;
  const connection = await connectPostgres(server, step, turn.signal);
  const { client } = connection;
  try {
    await client.query(TEXT_SETTINGS);
    const name = table.split('.').map(pg.escapeIdentifier).join('.');
    const oldest = limit !== undefined && 'timestamp' in limit ? await oldestStart(client) : undefined;
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // The snapshot is taken after this: a rewrite that ends in between would hide every row from an older one.
    await client.query(`LOCK TABLE ONLY ${name} IN ACCESS SHARE MODE`);
    const moment = await readMoment(client, { name, written: table });
    yield* readWindow({ reader, client, name, moment, oldest, turn }, from);
  } catch (error) {
    throw explained(error, { table, user: server.user });
  } finally {
    connection.close();
  }
}

interface Reading {
  readonly reader: TableReader;
  readonly client: pg.ClientBase;
  /** The table's name, quoted. */
  readonly name: string;
  readonly moment: Moment;
  /** The start of the oldest transaction, where a timestamp limits the scan. */
  readonly oldest: string | undefined;
  readonly turn: PullTurn;
}

async function* readWindow(reading: Reading, from: TablePosition | undefined): AsyncGenerator<Page> {
  const { moment, turn } = reading;
  const { position: found, isNew } = beginningAt(from, moment);
  const hasRows = moment.horizon > BigInt(found.below);
  // What begins is stored with its window: the time of the first events has to be the same when they are read again.
  const position = isNew && hasRows ? { ...found, window: windowAt(moment) } : found;
  if (isNew) yield emptyPage(position);
  if (turn.ending.aborted) return;
  if (position.window === undefined && !hasRows) yield await waitingPage(reading, position);
  else yield* rowsOfWindow(reading, position);
}

function windowAt({ horizon, at }: Moment): NonNullable<TablePosition['window']> {
  return { to: String(horizon), at };
}

/** Says who holds the horizon, when it has not moved since the last run. */
async function waitingPage({ client, moment }: Reading, position: TablePosition): Promise<Page> {
  const note = moment.horizon < moment.next ? await whoHolds(client, moment.horizon) : undefined;
  return { ...emptyPage(position), ...(note === undefined ? {} : { note }) };
}

async function* rowsOfWindow(reading: Reading, position: TablePosition): AsyncGenerator<Page> {
  const { reader, client, moment, turn } = reading;
  const { window: begun, ...rest } = position;
  const window = begun ?? windowAt(moment);
  const statement = await windowStatement(reading, { position, window });
  // The rows of a window are the same whenever it is read, but for those that were overwritten since.
  const added = await boundOf(reading);
  const after: TablePosition = {
    ...rest,
    below: window.to,
    bounds: boundsAfter(rest.bounds, added, BigInt(window.to)),
  };
  const pages = pagesOfCursor(client, statement, { most: () => turn.most, signal: turn.signal });
  let isBegun = begun !== undefined;
  for await (const { rows, isLast } of pages) {
    if (rows.length > 0 && !isBegun) yield emptyPage({ ...rest, window });
    if (turn.ending.aborted) return;
    isBegun = true;
    const read = rows.map(rowOf);
    const last = read.at(-1)?.at;
    const reached = isLast || last === undefined ? after : { ...rest, window: { ...window, after: last } };
    const made = read.map(({ at, data }) => ({ place: placeOf(at), data }));
    yield { ...emptyPage(reached), ...eventsOf(made, reader.shape, window.at) };
    if (turn.ending.aborted) return;
  }
}

/** Returns the statement for what is left of a window. Throws a `UserMistake` for a table that does not fit. */
async function windowStatement(
  { reader, client, name, moment }: Reading,
  { position, window }: { readonly position: TablePosition; readonly window: NonNullable<TablePosition['window']> },
): Promise<string> {
  const { table: written, limit, schema } = reader;
  const source = `ONLY ${name}`;
  const columns = await columnsOf(client, source);
  if (limit !== undefined) await checkLimit(client, limit, { columns, written, name });
  const data = dataExpression(columns, { schema, what: `the table ${written}`, alias: 'millrace_table' });
  const below = BigInt(position.below);
  const bound = limit === undefined ? undefined : boundAt(position.bounds, below);
  const condition = limit === undefined || bound === undefined ? 'true' : limitCondition(limit, bound);
  const range = { source, data, condition, next: moment.next, below, to: BigInt(window.to) };
  return statementOf(range, window.after);
}

function emptyPage(position: TablePosition): Page {
  const { generation } = position;
  return { events: [], rejections: [], position, ...(generation === 0 ? {} : { generation }) };
}

async function boundOf({ reader: { limit }, client, name, moment, oldest }: Reading) {
  if (limit === undefined) return undefined;
  const value = oldest ?? (await highestValue(client, columnOf(limit), `ONLY ${name}`));
  return value === undefined ? undefined : { xid: String(moment.next), value };
}

/**
 * Returns the statement for the rows of a window, in the order of their places. `xmin` has 32 bits: the transaction is
 * the latest one before `next` that ends with them.
 */
function statementOf(
  {
    source,
    data,
    condition,
    next,
    below,
    to,
  }: {
    readonly source: string;
    readonly data: string;
    readonly condition: string;
    readonly next: bigint;
    readonly below: bigint;
    readonly to: bigint;
  },
  after: RowPlace | undefined,
): string {
  const xid = `(${next} - ((${next} - millrace_table.xmin::text::bigint) & 4294967295))`;
  const place = `millrace_table.ctid::text::point`;
  const behind =
    after === undefined
      ? ''
      : ` AND (${xid}, millrace_table.ctid) > (${BigInt(after.xid)}::bigint, '(${after.block},${after.line})'::tid)`;
  return `SELECT ${xid}::text, (${place})[0]::bigint::text, (${place})[1]::bigint::text, ${data}
    FROM ${source} millrace_table
   WHERE ${xid} >= ${below} AND ${xid} < ${to} AND ${condition}${behind}
   ORDER BY ${xid}, millrace_table.ctid`;
}

function rowOf([xid = '', block, line, data = '']: readonly (string | null)[]) {
  return { at: { xid: xid ?? '', block: Number(block), line: Number(line) }, data: data ?? '' };
}
