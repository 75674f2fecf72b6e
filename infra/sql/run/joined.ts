import { UserMistake } from '../../../functions/runtime/errors.ts';
import { joinedRow, splitSide, splitTimed } from '../../../functions/runtime/sql/joins/side-row.ts';
import { dataColumnsOf } from '../emit/statement.ts';
import { statementOf } from '../emit/statement-of.ts';
import type { Join, JoinSide, Within } from '../plan/join.ts';
import { mayMiss } from '../plan/join.ts';
import type { Plan } from '../plan/plan.ts';
import { sidePlan } from '../plan/split-join.ts';
import type { Reject } from './csv/input-reader.ts';
import type { Input } from './input.ts';
import { type LinesResult, lineRunner } from './lines.ts';

/** An input, and what to do with the lines of it that are rejected. */
export type RunInput = Input & { readonly reject: Reject };

/** Rows to run a plan on: whole lines of JSON. */
export interface Rows {
  readonly text: Buffer;
  /** Reports rows that are rejected, counted from 1. */
  readonly reject: (rejections: LinesResult['rejections']) => Promise<void>;
  /** Takes the number of the rows. Call it before the next part. */
  readonly counted: (count: number) => void;
}

/** Reads the lines of inputs, one input after the other. */
export async function* rowsOf(plan: Plan, inputs: readonly RunInput[]): AsyncGenerator<Rows> {
  const wanted = { all: plan.columns.filter(({ origin }) => origin === 'data'), read: dataColumnsOf(plan) };
  for (const { parts, reject } of inputs) {
    let before = 0;
    for await (const { text, lineOf } of parts(wanted)) {
      const first = before;
      yield {
        text,
        reject: (rejections) =>
          reject(rejections.map(({ index, reason }) => ({ line: lineOf?.(index - 1) ?? first + index, reason }))),
        counted: (count) => {
          before = first + count;
        },
      };
    }
  }
}

/** The most rows of the right side, and their most bytes, that `millrace sql` keeps in memory. */
const MOST_ROWS = 1_000_000;
const MOST_BYTES = 1 << 30;

/** The inputs of both sides. `most` is the number of rows of the right side beyond which the join throws. */
export interface JoinInputs {
  readonly left: readonly RunInput[];
  readonly right: readonly RunInput[];
  readonly most?: number;
}

/**
 * Joins the inputs as Postgres does: each row of the left side meets each row of the right side with the same key. The
 * rows of the right side are kept in memory.
 */
export async function* joinedRows(plan: Plan, join: Join, inputs: JoinInputs): AsyncGenerator<Rows> {
  const kept = await keepRight(plan, join, inputs);
  const left = sidePlan(plan, join, 'left');
  const run = projected(left, join.left);
  for await (const { text, reject, counted } of rowsOf(left, inputs.left)) {
    const { sides, count, rejections } = run(text);
    counted(count);
    await reject(rejections);
    yield* inParts(metRows(kept, { sides, reject, mayBeAlone: mayMiss(join.kind, 'right') }));
  }
  if (mayMiss(join.kind, 'left')) yield* inParts(unmetRows(kept));
}

interface LeftRows {
  readonly sides: readonly Projected[];
  readonly reject: Rows['reject'];
  /** Whether a row that meets none is kept. */
  readonly mayBeAlone: boolean;
}

/** Joins rows of the left side with the rows that they meet. */
function* metRows(kept: Kept, { sides, reject, mayBeAlone }: LeftRows): Generator<JoinedRow> {
  for (const side of sides) {
    const met = meet(kept, side);
    const origin = { reject, index: side.index };
    if (met.length === 0 && mayBeAlone) yield { row: joinedRow(side.body, NOTHING), origin };
    for (const { body: other } of met) yield { row: joinedRow(side.body, other), origin };
  }
}

/** Returns the rows that a row of the left side meets, and notes that they have met one. */
function meet({ rows, within, isAsOf }: Kept, { key, time }: Projected): readonly KeptRow[] {
  const found = key === null ? undefined : rows.get(key);
  if (found === undefined) return [];
  if (isAsOf) {
    // The latest one that is not later than the row. Of one time, the last line counts.
    const next = indexOfTime(found.rows, (other) => other > time);
    return found.rows.slice(Math.max(next - 1, 0), next);
  }
  if (within === undefined) {
    found.isMet = true;
    return found.rows;
  }
  const [from, to] = [time - BigInt(within.before) * MICROS, time + BigInt(within.after) * MICROS];
  const first = indexOfTime(found.rows, (other) => other >= from);
  const met = found.rows.slice(
    first,
    indexOfTime(found.rows, (other) => other > to),
  );
  for (const row of met) row.isMet = true;
  return met;
}

const MICROS = 1000n;

/** Returns the index of the first row for whose time a test is true; it is so for all later times. */
function indexOfTime(rows: readonly KeptRow[], test: (time: bigint) => boolean): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (test((rows[middle] as KeptRow).time)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Returns the rows of the right side that met none of the left side. */
function* unmetRows({ rows, withoutKey }: Kept): Generator<JoinedRow> {
  const alone = [...rows.values()].flatMap(({ isMet, rows: of }) => (isMet ? [] : of.filter((row) => !row.isMet)));
  for (const { body, origin } of [...alone, ...withoutKey]) yield { row: joinedRow(NOTHING, body), origin };
}

const LINE_BREAK = 0x0a;
const NOTHING = Buffer.alloc(0);
const LONG = 1 << 18;

interface Projected {
  readonly key: string | null;
  /** With WITHIN: a timestamptz. */
  readonly time: bigint;
  readonly body: Buffer;
  /** The line of the part, counted from 1. */
  readonly index: number;
}

/** Returns a function that projects the lines of a part. */
function projected(plan: Plan, { keys, time }: JoinSide) {
  const run = lineRunner(plan, statementOf(plan), { origins: true });
  return (text: Buffer) => {
    const { output, origins = [], count, rejections } = run(text);
    const sides: Projected[] = [];
    let from = 0;
    for (const index of origins) {
      const to = output.indexOf(LINE_BREAK, from);
      const row = output.subarray(from, to);
      sides.push({ ...(time === undefined ? withoutTime(row, keys.length) : splitTimed(row, keys.length)), index });
      from = to + 1;
    }
    return { sides, count, rejections };
  };
}

const withoutTime = (row: Buffer, keys: number) => ({ ...splitSide(row, keys), time: 0n });

interface KeptRow {
  readonly body: Buffer;
  readonly origin: Origin;
  readonly time: bigint;
  /** With WITHIN, where not all rows of a key meet the same ones. */
  isMet: boolean;
}

interface Kept {
  readonly rows: ReadonlyMap<string, { readonly rows: KeptRow[]; isMet: boolean }>;
  readonly withoutKey: readonly KeptRow[];
  readonly within: Within | undefined;
  readonly isAsOf: boolean;
}

async function keepRight(plan: Plan, join: Join, { right, most = MOST_ROWS }: JoinInputs): Promise<Kept> {
  const side = sidePlan(plan, join, 'right');
  const run = projected(side, join.right);
  const isAlone = mayMiss(join.kind, 'left');
  const rows = new Map<string, { readonly rows: KeptRow[]; isMet: boolean }>();
  const withoutKey: KeptRow[] = [];
  let [count, bytes] = [0, 0];
  const keep = (key: string | null, row: KeptRow): void => {
    count += 1;
    bytes += row.body.length;
    if (count > most || bytes > MOST_BYTES) throw tooMany(join, most);
    const known = key === null ? undefined : rows.get(key);
    if (key === null) withoutKey.push(row);
    else if (known === undefined) rows.set(key, { rows: [row], isMet: false });
    else known.rows.push(row);
  };
  for await (const { text, reject, counted } of rowsOf(side, right)) {
    const { sides, count: read, rejections } = run(text);
    counted(read);
    await reject(rejections);
    for (const { key, time, body, index } of sides)
      if (key !== null || isAlone)
        keep(key, { body, origin: isAlone ? { reject, index } : NOWHERE, time, isMet: false });
  }
  const { within, asOf } = join;
  if ((within ?? asOf) !== undefined) for (const { rows: of } of rows.values()) of.sort(byTime);
  return { rows, withoutKey, within, isAsOf: asOf !== undefined };
}

const byTime = (one: KeptRow, other: KeptRow): number => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0);

const tooMany = ({ right }: Join, most: number): UserMistake =>
  new UserMistake(
    `"${right.name}" has more than ${most.toLocaleString('en')} rows, or 1 GiB of them: millrace sql keeps the rows of the right side of a join in memory: name the larger input first`,
  );

interface Origin {
  readonly reject: Rows['reject'];
  readonly index: number;
}

/** Of rows that are rejected only together with a row of the left side. */
const NOWHERE: Origin = { reject: async () => undefined, index: 0 };

interface JoinedRow {
  readonly row: Buffer;
  readonly origin: Origin;
}

/** Collects rows to parts of some length. */
function* inParts(rows: Iterable<JoinedRow>): Generator<Rows> {
  let [texts, origins, length]: [Buffer[], Origin[], number] = [[], [], 0];
  for (const { row, origin } of rows) {
    texts.push(row, NEW_LINE);
    origins.push(origin);
    length += row.length;
    if (length < LONG) continue;
    yield { text: Buffer.concat(texts), ...reporting(origins) };
    [texts, origins, length] = [[], [], 0];
  }
  if (texts.length > 0) yield { text: Buffer.concat(texts), ...reporting(origins) };
}

/** Reports the joined rows that are rejected as the rows that they were made of. */
function reporting(origins: readonly Origin[]): Omit<Rows, 'text'> {
  return {
    counted: () => undefined,
    async reject(rejections) {
      for (const { index, reason } of rejections) {
        const origin = origins[index - 1];
        await origin?.reject([{ index: origin.index, reason }]);
      }
    },
  };
}

const NEW_LINE = Buffer.from('\n');
