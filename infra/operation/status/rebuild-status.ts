import pg from 'pg';
import { recordAt } from '../../../functions/runtime/log/record-at.ts';
import type { Position } from '../../../functions/runtime/position.ts';
import type { LogRecord } from '../../../functions/runtime/record-codec/record.ts';
import { ownShard, underOf } from '../../../functions/table-state/refused.ts';
import { readStateNote, type StoredShape } from '../../../functions/table-state/shape.ts';
import { TABLE_OF_STATE } from '../state-names.ts';
import type { Target } from '../target.ts';

/** How far a table is that its step makes again of the log. Times are RFC 3339. */
export interface RebuildStatus {
  /**
   * `asked`: an operator has asked, and the step has not begun. `reading`: the step reads the log; readers of the table
   * see the former rows, which stand still. `publishing`: the table shows the new rows, and the step publishes how they
   * differ, before any other change.
   */
  readonly phase: 'asked' | 'reading' | 'publishing';
  /** When the phase began. Missing where an earlier version has begun it. */
  readonly since?: string;
  /** When the step last committed something of it. */
  readonly moved?: string;
  /** The shards that are read up to where the table stands, and all that have to be. */
  readonly shardsDone: number;
  readonly shards: number;
  /** Set while a shard is read from the archive of its stream. */
  readonly isArchived?: true;
  /** About how much of the log is read, from 0 to 1, measured by the arrival times of its records. */
  readonly share: number;
}

/** A table step's name, and its input. */
export interface RebuiltStep {
  readonly pipeline: string;
  readonly name: string;
  readonly formerly?: string | undefined;
  /** The name or ARN of its stream, and the shard with a key of the step's progress. */
  readonly stream: string;
  shardOf(key: string): string | undefined;
  /** True when a sink keeps the records of its stream. */
  readonly hasArchive: boolean;
}

const LONGEST_MILLIS = 10_000;

/** Asks the database how far a table is that is made again. Undefined: it is not, or the database does not say. */
export async function rebuildStatus(
  step: RebuiltStep,
  target: Target,
  signal: AbortSignal,
): Promise<RebuildStatus | undefined> {
  const states = await statesOf(step, target, signal);
  const shown = states.find(({ stored }) => stored.fills !== true && stored.replaced !== true)?.stored;
  const filling = states.findLast(({ stored }) => stored.fills === true);
  const done = { shardsDone: 0, shards: 0, share: 1 };
  if (shown?.corrects !== undefined) return { phase: 'publishing', since: shown.corrects.at, ...done };
  if (filling !== undefined) {
    const { begun } = filling.stored;
    const progress = await progressOf(step, target, signal);
    const sinceMillis = shown?.since === undefined ? undefined : Date.parse(shown.since);
    const read = await readSoFar({ step, target, signal }, { progress, state: filling.number, sinceMillis });
    return { phase: 'reading', ...(begun === undefined ? {} : { since: begun }), ...read };
  }
  return shown?.again === true ? { phase: 'asked', ...done, share: 0 } : undefined;
}

interface NumberedShape {
  readonly number: number;
  readonly stored: StoredShape;
}

/** A table has one state, and two more at most while it is made again. */
const MOST_STATES = 100;

async function statesOf(
  { pipeline, name }: RebuiltStep,
  target: Target,
  signal: AbortSignal,
): Promise<readonly NumberedShape[]> {
  const statement = `SELECT substring(c.relname from '[0-9]+$'), coalesce(obj_description(c.oid, 'pg_class'), '')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ${pg.escapeLiteral(pipeline)} AND ${TABLE_OF_STATE} = ${pg.escapeLiteral(name)}
   ORDER BY substring(c.relname from '[0-9]+$')::int`;
  const question = { schema: pipeline, statement, mostRows: MOST_STATES, mostMillis: LONGEST_MILLIS };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply) return [];
  return reply.rows.flatMap(([number, note]) => {
    const stored = readStateNote(`${pipeline}/${name}`, note ?? '');
    return stored === undefined ? [] : [{ number: Number(number), stored }];
  });
}

/** What is committed of a shard: how far, when that record arrived, where the shard began, and when it last moved. */
interface ShardProgress {
  readonly shard: string;
  readonly position: Position;
  readonly arrivedMillis: number;
  readonly began: Position | undefined;
  readonly movedMillis: number;
}

const MOST_SHARDS = 10_000;

async function progressOf(
  { pipeline, name, formerly = name }: RebuiltStep,
  target: Target,
  signal: AbortSignal,
): Promise<readonly ShardProgress[]> {
  const [step, former] = [name, formerly].map((each) => pg.escapeLiteral(`${pipeline}/${each}`));
  const statement = `SELECT shard, s->>'p', s->>'a', s->>'b', s->>'t'
    FROM (SELECT step, shard, state::json AS s FROM millrace_progress
           WHERE step IN (${step}, ${former}) AND shard NOT LIKE 'marks/%' AND state <> '') AS progress
   WHERE s->>'p' IS NOT NULL ORDER BY step = ${step}`;
  const question = { schema: 'public', statement, mostRows: MOST_SHARDS, mostMillis: LONGEST_MILLIS };
  const reply = await target.ask(question, signal);
  if ('refusal' in reply) return [];
  return reply.rows.map(([shard, position, arrived, began, moved]) => ({
    shard: String(shard),
    position: position as Position,
    arrivedMillis: Number(arrived ?? 0),
    began: (began ?? undefined) as Position | undefined,
    movedMillis: Number(moved ?? 0),
  }));
}

/** Shards whose share is looked up in the log. Of the others, only those that are done count. */
const MOST_LOOKED_UP = 20;

interface Asking {
  readonly step: RebuiltStep;
  readonly target: Target;
  readonly signal: AbortSignal;
}

async function readSoFar(
  asking: Asking,
  of: {
    readonly progress: readonly ShardProgress[];
    readonly state: number;
    readonly sinceMillis: number | undefined;
  },
): Promise<Omit<RebuildStatus, 'phase' | 'since'>> {
  const { progress, state, sinceMillis } = of;
  const under = underOf(state);
  const filled = new Map(
    progress.flatMap((one) => (one.shard.startsWith(under) ? [[ownShard(one.shard), one] as const] : [])),
  );
  const committed = new Map(
    progress.flatMap((one) => (ownShard(one.shard) === one.shard ? [[one.shard, one] as const] : [])),
  );
  let [shardsDone, share, lookedUp] = [0, 0, 0];
  let isArchived = false;
  for (const [shard, to] of committed) {
    const at = filled.get(shard);
    if (at === undefined) continue;
    if (at.position >= to.position) shardsDone++;
    else if (lookedUp++ < MOST_LOOKED_UP) {
      isArchived ||= asking.step.hasArchive && !(await isInLog(asking, to.shard, at.position));
      share += await shareOf(asking, { at, to, sinceMillis });
    }
  }
  const movedMillis = Math.max(0, ...[...filled.values()].map((one) => one.movedMillis));
  return {
    ...(movedMillis === 0 ? {} : { moved: new Date(movedMillis).toISOString() }),
    shardsDone,
    shards: committed.size,
    ...(isArchived ? { isArchived } : {}),
    share: committed.size === 0 ? 1 : (shardsDone + share) / committed.size,
  };
}

/** Tells whether the log still has the record of a position. Where nobody knows, it counts as if it had. */
async function isInLog({ step, target, signal }: Asking, key: string, position: Position): Promise<boolean> {
  return (await recordOf({ step, target, signal }, key, position)) !== 'gone';
}

/** Finds the record of a position. `gone`: the log has it no more; `unknown`: nobody answers. */
async function recordOf(
  { step: { stream, shardOf }, target, signal }: Asking,
  key: string,
  position: Position,
): Promise<LogRecord | 'gone' | 'unknown'> {
  const shardId = shardOf(key);
  if (shardId === undefined) return 'gone';
  const { kinesis } = target.clients;
  return recordAt({ kinesis, stream, shardId, signal }, position).then(
    (record) => record ?? 'gone',
    () => 'unknown',
  );
}

/**
 * Returns about how much of a shard is read: 0 where nobody knows when the shard's first record came. Where the log has
 * that record no more, the table is taken to be as old as its first state.
 */
async function shareOf(
  asking: Asking,
  {
    at,
    to,
    sinceMillis,
  }: { readonly at: ShardProgress; readonly to: ShardProgress; readonly sinceMillis: number | undefined },
): Promise<number> {
  if (to.began === undefined) return 0;
  const first = await recordOf(asking, to.shard, to.began);
  const began = typeof first === 'string' ? sinceMillis : first.approximateArrivalMillis;
  if (began === undefined || first === 'unknown') return 0;
  const whole = to.arrivedMillis - began;
  return whole <= 0 ? 0 : Math.min(1, Math.max(0, (at.arrivedMillis - began) / whole));
}
