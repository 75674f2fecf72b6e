import { type Batch, openBatch } from '../batches/batch.ts';
import type { BatchWork } from '../batches/batch-work.ts';
import { report } from '../batches/report.ts';
import type { ShardInput } from '../batches/shard-input.ts';
import { isReached, laterOf, type Rewind } from '../checkpoints/rewind-state.ts';
import type { LoadedState } from '../checkpoints/shard-states.ts';
import type { StepState } from '../checkpoints/step-state.ts';
import { StaleCheckpoint } from '../errors.ts';
import { readShard } from '../log/log-reader.ts';
import { recordAt } from '../log/record-at.ts';
import { LARGE, portionsOf } from '../log/record-batches.ts';
import { tryRecords } from '../poison/isolate.ts';
import type { Position } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import { closeDelivered } from './acknowledged.ts';
import { backToStart } from './state-changes.ts';

export interface CatchUp {
  readonly shardId: string;
  /** No portion is begun later. */
  readonly stopMillis: number;
  readonly signal: AbortSignal;
  /** Told of every portion that is done. */
  readonly onProgress: (portion: { readonly events: number; readonly arrivalMillis: number }) => void;
}

/** `over`: the shard is not rewound any more. `waiting`: for its parents. `unfinished`: the time is over. */
export type CaughtUpTo = 'over' | 'waiting' | 'unfinished';

/** Pulls one shard on: through what may have been sent, up to its target, and from there to where its mapping is. */
export async function catchUpShard(batchWork: BatchWork, pull: CatchUp): Promise<CaughtUpTo> {
  const { step, input } = batchWork;
  for (;;) {
    const opened = await input.open(pull.shardId, pull.signal);
    input.forget(opened.key);
    if (opened.loaded.state.rewind === undefined) return 'over';
    try {
      const pulled = await advance(batchWork, pull, opened);
      if (pulled !== 'again') return pulled;
    } catch (error) {
      // Whoever has moved it pulls, too, or has rewound it again.
      if (!(error instanceof StaleCheckpoint)) throw error;
    }
    if (step.now() >= pull.stopMillis) return 'unfinished';
  }
}

/** A shard that is pulled, where it is. */
interface Pulling {
  readonly batchWork: BatchWork;
  readonly pull: CatchUp;
  shard: ShardInput;
  rewind: Rewind;
}

async function advance(batchWork: BatchWork, pull: CatchUp, opened: ShardInput): Promise<CaughtUpTo | 'again'> {
  const { rewind } = opened.loaded.state;
  if (rewind === undefined) return 'over';
  const pulling: Pulling = { batchWork, pull, shard: opened, rewind };
  if (rewind.fresh) {
    if (!(await descendantsAreSettled(pulling)) || !(await parentsAreDone(pulling))) return 'waiting';
    // Only now are their marks complete.
    pulling.shard = await batchWork.input.open(pull.shardId, pull.signal);
    const { fresh: _, ...begun } = rewind;
    await moveTo(pulling, { rewind: begun });
  }
  return rewind.phase === 'settling' ? settle(pulling) : readOn(pulling);
}

/**
 * Sends what may be in flight: one portion from the position on. An earlier attempt at it, or a twin that is still at
 * work, sends the same under the same names, which readers drop; whatever is sent after this is of a new generation.
 */
async function settle(pulling: Pulling): Promise<'again'> {
  if (await mayBeInFlight(pulling)) {
    for await (const { records } of portionsOf(pagesFrom(pulling, true))) {
      await work(pulling, records);
      break;
    }
  }
  await moveTo(pulling, backToStart(pulling.shard.loaded.state, pulling.rewind));
  return 'again';
}

async function readOn(pulling: Pulling): Promise<CaughtUpTo | 'again'> {
  const { batchWork, pull } = pulling;
  if (pulling.shard.loaded.state.intent !== undefined) await finishIntent(pulling);
  const pages = pagesFrom(pulling, pulling.rewind.phase === 'passing');
  for await (const { records, end } of portionsOf(pages, batchWork.fixes ? LARGE : undefined)) {
    if (await takePortion(pulling, records)) return 'over';
    if (end === 'shard-end') {
      await moveTo(pulling, { ended: true, rewind: undefined });
      return 'over';
    }
    if (end !== undefined) return handOver(pulling);
    if (batchWork.step.now() >= pull.stopMillis) return 'unfinished';
  }
  return 'again';
}

/** What was begun before is written just as it was begun. */
async function finishIntent(pulling: Pulling): Promise<void> {
  const { intent } = pulling.shard.loaded.state;
  const records: LogRecord[] = [];
  for await (const page of pagesFrom(pulling, false, intent?.to)) records.push(...page.records);
  await work(pulling, records);
}

/** True when that was all: the end of a replay, or where the next runs of a scheduled step go on. */
async function takePortion(pulling: Pulling, records: readonly LogRecord[]): Promise<boolean> {
  const { batchWork, rewind } = pulling;
  let rest = records;
  if (rewind.phase === 'passing') {
    const reached = records.findIndex((record) => isReached(rewind.to, record));
    await pass(pulling, reached < 0 ? records : records.slice(0, reached));
    if (reached < 0) return false;
    if (!batchWork.mapped && rewind.endMillis === undefined) {
      await moveTo(pulling, { rewind: undefined });
      return true;
    }
    await moveTo(pulling, { rewind: { ...rewind, phase: 'reading' } });
    rest = records.slice(reached);
  }
  const { endMillis = Number.POSITIVE_INFINITY } = rewind;
  const after = rest.findIndex(({ approximateArrivalMillis }) => approximateArrivalMillis >= endMillis);
  await work(pulling, after < 0 ? rest : rest.slice(0, after));
  if (after < 0) return false;
  await moveTo(pulling, { ended: true, rewind: undefined });
  return true;
}

/** Takes the marks of records, and does nothing else with them. */
function pass(pulling: Pulling, records: readonly LogRecord[]): Promise<void> {
  const { batchWork, pull } = pulling;
  return each(pulling, records, async (batch, shard) => {
    const loaded = await batchWork.move(shard, { ...batch.state(), rejections: [] }, pull.signal);
    pull.onProgress({ events: 0, arrivalMillis: batch.arrivalMillis });
    return { loaded };
  });
}

function work(pulling: Pulling, records: readonly LogRecord[]): Promise<void> {
  const { batchWork, pull } = pulling;
  const { signal } = pull;
  return each(pulling, records, async (batch, shard, dataHandled) => {
    const started = batchWork.step.now();
    const done = await batchWork.work(batch, shard, { signal, dataHandled });
    report(batchWork.step, shard.key, { batch, done, started });
    pull.onProgress({ events: batch.events.length, arrivalMillis: batch.arrivalMillis });
    return done;
  });
}

type Take = (
  batch: Batch,
  shard: ShardInput,
  dataHandled: () => Promise<void>,
) => Promise<{ readonly loaded: LoadedState }>;

async function each(pulling: Pulling, records: readonly LogRecord[], take: Take): Promise<void> {
  const { batchWork, pull } = pulling;
  const { shardId, signal } = pull;
  if (batchWork.fixes) return takeWhole(pulling, records, take);
  let left = records.length > 0;
  while (left) {
    signal.throwIfAborted();
    const { shard } = pulling;
    const tried = await tryRecords({
      step: batchWork.step,
      shard,
      shardId,
      records,
      signal,
      work: (batch, dataHandled) => take(batch, shard, dataHandled),
    });
    pulling.shard = { ...shard, loaded: tried.loaded };
    left = tried.left !== undefined;
  }
}

/** A slice whose range is fixed is not divided. */
async function takeWhole(pulling: Pulling, records: readonly LogRecord[], take: Take): Promise<void> {
  if (records.length === 0) return;
  const { shard } = pulling;
  const batch = openBatch(shard.loaded.state, shard.facts);
  for (const record of records) batch.take(record);
  const { loaded } = await take(batch, shard, () => Promise.resolve());
  pulling.shard = { ...shard, loaded };
}

/**
 * The batchWork has reached the end of what there is. From when the note of what was delivered is closed, the mapping's
 * batches are held; once the batchWork is where the note ends, the next batch may be done as usual, and nothing is
 * missing between the two.
 */
async function handOver(pulling: Pulling): Promise<'over' | 'again'> {
  const { batchWork, pull, shard, rewind } = pulling;
  const { position, rewinds = 0 } = shard.loaded.state;
  if (rewind.endMillis !== undefined) {
    await moveTo(pulling, { ended: true, rewind: undefined });
    return 'over';
  }
  if (!batchWork.mapped) {
    await moveTo(pulling, { rewind: undefined });
    return 'over';
  }
  const noted = { key: shard.key, rewind: rewinds, signal: pull.signal };
  const last = laterOf(await closeDelivered(batchWork.step.checkpoints, noted), rewind.until);
  const isThere = last === undefined || (position !== undefined && position >= last);
  if (!isThere && (await isHeld(pulling, last))) return 'again';
  const reached = laterOf(position, last);
  await moveTo(pulling, { position: reached, rewind: undefined });
  return 'over';
}

/** What is trimmed away was before the earliest record that there is, and that is read. */
async function isHeld({ batchWork, pull }: Pulling, position: Position): Promise<boolean> {
  const { step, input } = batchWork;
  return (await recordAt({ kinesis: step.kinesis, stream: input.stream, ...pull }, position)) !== undefined;
}

async function moveTo(pulling: Pulling, change: Partial<StepState>): Promise<void> {
  const { batchWork, pull, shard } = pulling;
  const loaded = await batchWork.move(shard, { ...shard.loaded.state, ...change }, pull.signal);
  pulling.shard = { ...shard, loaded };
  if (loaded.state.rewind !== undefined) pulling.rewind = loaded.state.rewind;
}

/** What is only passed over may be trimmed away meanwhile. */
function pagesFrom(
  { batchWork, pull, shard }: Pulling,
  nothingUnreadTrimmed: boolean,
  to?: Position,
): ReturnType<typeof readShard> {
  const { shardId, signal } = pull;
  const after = shard.loaded.state.position;
  return readShard({
    kinesis: batchWork.step.kinesis,
    stream: batchWork.input.stream,
    shardId,
    signal,
    after,
    start: 'earliest',
    nothingUnreadTrimmed,
    ...(to === undefined ? {} : { to }),
  });
}

/** Of a shard that was never read something may be in flight only when its parents were read to their ends. */
async function mayBeInFlight(pulling: Pulling): Promise<boolean> {
  if (pulling.shard.loaded.state.position !== undefined) return true;
  for (const { id, state } of await parentsOf(pulling, pulling.pull.shardId)) {
    if (!(await isAtEnd(pulling, id, state.position))) return false;
  }
  return true;
}

/** Those that are not trimmed away, and in the place of one that was empty, and has no state, its own. */
async function parentsOf(
  { batchWork, pull }: Pick<Pulling, 'batchWork' | 'pull'>,
  shardId: string,
): Promise<readonly { readonly id: string; readonly state: StepState }[]> {
  const { shards } = await batchWork.input.shape(pull.signal);
  const named = shards.find(({ id }) => id === shardId)?.parents ?? [];
  const found = named.filter((parent) => shards.some(({ id }) => id === parent));
  const parents = await Promise.all(
    found.map(async (id) => {
      const state = await batchWork.input.stateOf(id, pull.signal);
      return state === undefined ? parentsOf({ batchWork, pull }, id) : [{ id, state }];
    }),
  );
  return parents.flat();
}

/** Ids grow, so descendants are those later shards that take some of its keys. */
async function descendantsAreSettled({ batchWork, pull }: Pulling): Promise<boolean> {
  if (!batchWork.finishes) return true;
  const { shards } = await batchWork.input.shape(pull.signal);
  const own = shards.find(({ id }) => id === pull.shardId);
  for (const { id, from, to } of shards) {
    if (own === undefined || id <= own.id || to < own.from || from > own.to) continue;
    if ((await batchWork.input.stateOf(id, pull.signal))?.rewind?.phase === 'settling') return false;
  }
  return true;
}

/** A parent that is being rewound is read first, and so is one that its mapping has not got through yet. */
async function parentsAreDone(pulling: Pulling): Promise<boolean> {
  for (const { id, state } of await parentsOf(pulling, pulling.pull.shardId)) {
    const { rewind, ended, position } = state;
    if (rewind !== undefined) return false;
    if (ended !== true && (pulling.rewind.endMillis !== undefined || !(await isAtEnd(pulling, id, position))))
      return false;
  }
  return true;
}

/** Closed, and nothing after the position. */
async function isAtEnd(
  { batchWork, pull }: Pick<Pulling, 'batchWork' | 'pull'>,
  shardId: string,
  after: Position | undefined,
): Promise<boolean> {
  const pages = readShard({
    kinesis: batchWork.step.kinesis,
    stream: batchWork.input.stream,
    shardId,
    signal: pull.signal,
    after,
    nothingUnreadTrimmed: true,
  });
  for await (const { records, end } of pages) return records.length === 0 && end === 'shard-end';
  return false;
}
