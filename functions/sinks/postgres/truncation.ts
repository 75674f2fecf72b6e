import type pg from 'pg';
import { z } from 'zod';
import type { HashRange, ReceivedEvent } from '../../runtime/event.ts';
import type { Rejection } from '../../runtime/rejection.ts';
import { betweenBlocks } from './block.ts';
import type { Prepared } from './connection.ts';
import { quoted } from './names.ts';
import { isRowsFault, type RowRejection, rejectionOf } from './row-rejection.ts';
import type { Table } from './table.ts';

/** The data of a truncation: the columns of the rows' keys in their order, and the oids of their types. */
const Truncation = z.object({ key: z.array(z.string()).min(1), types: z.array(z.number()) });

type Into = Pick<Prepared, 'table' | 'key' | 'mirror'>;

/**
 * Empties a mirror, as a TRUNCATE has emptied its table. The event stands in every shard, between the changes of the
 * shard's keys, so each shard deletes the rows of its own keys and no others: those whose key hashes into its parts. No
 * block may be open. The next one can be opened then. Resolves to the event's rejection when rows stay.
 */
export async function empty(client: pg.ClientBase, into: Into, event: ReceivedEvent): Promise<Rejection | undefined> {
  await client.query(betweenBlocks(into));
  if (!into.mirror) return rejectionOf(event, NO_ROW);
  const { parts } = event;
  const truncation = Truncation.safeParse(event.data);
  if (parts === undefined || !truncation.success) return rejectionOf(event, parts ? NO_TRUNCATION : NOT_IN_EVERY_SHARD);
  const fault = isWhole(parts) ? undefined : unknownKeys(into, truncation.data);
  if (fault !== undefined) return rejectionOf(event, fault);
  try {
    await client.query(deletion(into.table, { key: truncation.data.key, parts }));
  } catch (error) {
    if (!isRowsFault(error as pg.DatabaseError)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT millrace_block');
    const { code = '', message } = error as pg.DatabaseError;
    return rejectionOf(event, { code, message, column: undefined });
  }
  await client.query(betweenBlocks(into));
  return undefined;
}

const NO_ROW: RowRejection = {
  code: '22023',
  message: "it concerns all rows, such as a TRUNCATE, and is none: only a sink with mode: 'mirror' applies it",
  column: undefined,
};

const NO_TRUNCATION: RowRejection = {
  code: '22023',
  message: 'the data of a truncation is { "key": […], "types": […] }, the columns of the key and their types',
  column: undefined,
};

const NOT_IN_EVERY_SHARD: RowRejection = {
  code: '22023',
  message:
    'this truncation came through a transform, or was put back, so nobody knows which of the rows came before it: let the mirror read the stream of the source itself, or empty the table yourself',
  column: undefined,
};

const LAST_HASH = (1n << 128n) - 1n;

function isWhole(parts: readonly HashRange[]): boolean {
  return parts.some(({ from, to }) => from === 0n && to === LAST_HASH);
}

const WHOLE_NUMBERS = ['smallint', 'integer', 'bigint'];
const TEXTS = ['text', 'character varying'];

/** Types of Postgres whose values have one text, and are in a mirror as they are in their table. */
const NAMES: Readonly<Record<number, readonly string[]>> = {
  20: WHOLE_NUMBERS,
  21: WHOLE_NUMBERS,
  23: WHOLE_NUMBERS,
  25: TEXTS,
  1042: ['character'],
  1043: TEXTS,
  1082: ['date'],
  1114: ['timestamp without time zone'],
  1184: ['timestamp with time zone'],
  1700: ['numeric'],
  2950: ['uuid'],
};

/** `timestamp` and `timestamptz`, which events write otherwise than Postgres does, and `boolean`. */
const NO_TEXTS = [16, 1114, 1184];

/** Finds a column whose values may have another text than in the table, so that their hash says nothing. */
function unknownKeys({ table, key = [] }: Into, truncation: z.infer<typeof Truncation>): RowRejection | undefined {
  for (const [index, name] of truncation.key.entries()) {
    const type = truncation.types[index] ?? 0;
    const here = key.includes(name) ? table.columns.find((column) => column.name === name)?.baseType : undefined;
    const isSame =
      here !== undefined && (NAMES[type]?.includes(here) || (TEXTS.includes(here) && !NO_TEXTS.includes(type)));
    if (isSame) continue;
    const what = here === undefined ? 'is not in its key' : `is ${here} here, and of another type in the table`;
    return {
      code: '42804',
      message: `the mirror cannot tell which rows of a TRUNCATE belong to which shard, because the column ${name} ${what}: make the key of the mirror that of the table, or use a stream of one shard, and empty the table yourself now`,
      column: undefined,
    };
  }
  return undefined;
}

/** Deletes the rows whose keys hash into the parts, as Kinesis hashes the keys of their events. */
function deletion(
  { name }: Table,
  { key, parts }: { readonly key: readonly string[]; readonly parts: readonly HashRange[] },
): string {
  if (isWhole(parts)) return `DELETE FROM ${name}`;
  // `format` writes a value as the log of its table has it.
  const texts = key.map((column) => `format('%s', ${quoted(column)})`);
  const list = texts.map((text) => `to_json(${text})::text`).join(" || ',' || ");
  const text = texts.length === 1 ? texts[0] : `'[' || ${list} || ']'`;
  const ranges = parts.map(({ from, to }) => `millrace_hash BETWEEN '${hexOf(from)}' AND '${hexOf(to)}'`);
  return `DELETE FROM ${name} WHERE (
    SELECT ${ranges.join(' OR ')} FROM (SELECT ${text} AS millrace_text) millrace_1, LATERAL (
      SELECT md5(convert_to(CASE WHEN length(millrace_text) BETWEEN 1 AND 256 THEN millrace_text
        ELSE 'sha256:' || encode(sha256(convert_to(millrace_text, 'UTF8')), 'hex') END, 'UTF8')) COLLATE "C" AS millrace_hash) millrace_2)`;
}

function hexOf(hash: bigint): string {
  return hash.toString(16).padStart(32, '0');
}
