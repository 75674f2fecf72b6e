import { type Batch, openBatch } from '../batches/batch.ts';
import type { Puller } from '../batches/batch-work.ts';
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

export interface Pull {
  readonly shardId: string;
  /** No portion is begun later. */
  readonly stopMillis: number;
  readonly signal: AbortSignal;
  /** Told of every portion that is done. */
  readonly told: (portion: { readonly events: number; readonly arrivalMillis: number }) => void;
}

/** `over`: the shard is not rewound any more. `waiting`: for its parents. `unfinished`: the time is over. */
export type Pulled = 'over' | 'waiting' | 'unfinished';

/** Pulls one shard on: through what may have been sent, up to its target, and from there to where its mapping is. */
export async function pullShard(puller: Puller, pull: Pull): Promise<Pulled> {
  const { step, input } = puller;
  for (;;) {
    const opened = await input.open(pull.shardId, pull.signal);
    input.forget(opened.key);
    if (opened.loaded.state.rewind === undefined) return 'over';
    try {
      const pulled = await pullOn(puller, pull, opened);
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
  readonly puller: Puller;
  readonly pull: Pull;
  shard: ShardInput;
  rewind: Rewind;
}

async function pullOn(puller: Puller, pull: Pull, opened: ShardInput): Promise<Pulled | 'again'> {
  const { rewind } = opened.loaded.state;
  if (rewind === undefined) return 'over';
  const pulling: Pulling = { puller, pull, shard: opened, rewind };
  if (rewind.fresh) {
    if (!(await descendantsAreSettled(pulling)) || !(await parentsAreDone(pulling))) return 'waiting';
    // Only now are their marks complete.
    pulling.shard = await puller.input.open(pull.shardId, pull.signal);
    const { fresh: _, ...begun } = rewind;
    await moveTo(pulling, { rewind: begun });
  }
  return rewind.phase === 'settling' ? settle(pulling) : readOn(pulling);
}

/**
 * Sends what may be in flight: one portion from the position on. An earlier attempt at it, or a twin that is still at work, sends the
 * same under the same names, which readers drop; whatever is sent after this is of a new generation.
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

async function readOn(pulling: Pulling): Promise<Pulled | 'again'> {
  const { puller, pull } = pulling;
  if (pulling.shard.loaded.state.intent !== undefined) await finishIntent(pulling);
  const pages = pagesFrom(pulling, pulling.rewind.phase === 'passing');
  for await (const { records, end } of portionsOf(pages, puller.fixes ? LARGE : undefined)) {
    if (await takePortion(pulling, records)) return 'over';
    if (end === 'shard-end') {
      await moveTo(pulling, { ended: true, rewind: undefined });
      return 'over';
    }
    if (end !== undefined) return handOver(pulling);
    if (puller.step.now() >= pull.stopMillis) return 'unfinished';
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
  const { puller, rewind } = pulling;
  let rest = records;
  if (rewind.phase === 'passing') {
    const reached = records.findIndex((record) => isReached(rewind.to, record));
    await pass(pulling, reached < 0 ? records : records.slice(0, reached));
    if (reached < 0) return false;
    if (!puller.mapped && rewind.endMillis === undefined) {
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
  const { puller, pull } = pulling;
  return each(pulling, records, async (batch, shard) => {
    const loaded = await puller.move(shard, { ...batch.state(), rejections: [] }, pull.signal);
    pull.told({ events: 0, arrivalMillis: batch.arrivalMillis });
    return { loaded };
  });
}

function work(pulling: Pulling, records: readonly LogRecord[]): Promise<void> {
  const { puller, pull } = pulling;
  const { signal } = pull;
  return each(pulling, records, async (batch, shard, harmless) => {
    const started = puller.step.now();
    const done = await puller.work(batch, shard, { signal, harmless });
    report(puller.step, shard.key, { batch, done, started });
    pull.told({ events: batch.events.length, arrivalMillis: batch.arrivalMillis });
    return done;
  });
}

type Take = (
  batch: Batch,
  shard: ShardInput,
  harmless: () => Promise<void>,
) => Promise<{ readonly loaded: LoadedState }>;

async function each(pulling: Pulling, records: readonly LogRecord[], take: Take): Promise<void> {
  const { puller, pull } = pulling;
  const { shardId, signal } = pull;
  if (puller.fixes) return takeWhole(pulling, records, take);
  let left = records.length > 0;
  while (left) {
    signal.throwIfAborted();
    const { shard } = pulling;
    const tried = await tryRecords({
      ...{ step: puller.step, shard, shardId, records, signal },
      work: (batch, harmless) => take(batch, shard, harmless),
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
 * The puller has reached the end of what there is. From when the note of what was delivered is closed, the mapping's batches are held;
 * once the puller is where the note ends, the next batch may be done as usual, and nothing is missing between the two.
 */
async function handOver(pulling: Pulling): Promise<'over' | 'again'> {
  const { puller, pull, shard, rewind } = pulling;
  const { position, rewinds = 0 } = shard.loaded.state;
  if (rewind.endMillis !== undefined) {
    await moveTo(pulling, { ended: true, rewind: undefined });
    return 'over';
  }
  if (!puller.mapped) {
    await moveTo(pulling, { rewind: undefined });
    return 'over';
  }
  const noted = { key: shard.key, rewind: rewinds, signal: pull.signal };
  const last = laterOf(await closeDelivered(puller.step.checkpoints, noted), rewind.until);
  const isThere = last === undefined || (position !== undefined && position >= last);
  if (!isThere && (await isHeld(pulling, last))) return 'again';
  const reached = laterOf(position, last);
  await moveTo(pulling, { position: reached, rewind: undefined });
  return 'over';
}

/** What is trimmed away was before the earliest record that there is, and that is read. */
async function isHeld({ puller, pull }: Pulling, position: Position): Promise<boolean> {
  const { step, input } = puller;
  return (await recordAt({ kinesis: step.kinesis, stream: input.stream, ...pull }, position)) !== undefined;
}

async function moveTo(pulling: Pulling, change: Partial<StepState>): Promise<void> {
  const { puller, pull, shard } = pulling;
  const loaded = await puller.move(shard, { ...shard.loaded.state, ...change }, pull.signal);
  pulling.shard = { ...shard, loaded };
  if (loaded.state.rewind !== undefined) pulling.rewind = loaded.state.rewind;
}

/** What is only passed over may be trimmed away meanwhile. */
function pagesFrom(
  { puller, pull, shard }: Pulling,
  nothingUnreadTrimmed: boolean,
  to?: Position,
): ReturnType<typeof readShard> {
  const { shardId, signal } = pull;
  const after = shard.loaded.state.position;
  return readShard({
    ...{ kinesis: puller.step.kinesis, stream: puller.input.stream, shardId, signal },
    ...{ after, start: 'earliest', nothingUnreadTrimmed },
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
  { puller, pull }: Pick<Pulling, 'puller' | 'pull'>,
  shardId: string,
): Promise<readonly { readonly id: string; readonly state: StepState }[]> {
  const { shards } = await puller.input.shape(pull.signal);
  const named = shards.find(({ id }) => id === shardId)?.parents ?? [];
  const found = named.filter((parent) => shards.some(({ id }) => id === parent));
  const parents = await Promise.all(
    found.map(async (id) => {
      const state = await puller.input.stateOf(id, pull.signal);
      return state === undefined ? parentsOf({ puller, pull }, id) : [{ id, state }];
    }),
  );
  return parents.flat();
}

/** Ids grow, so descendants are those later shards that take some of its keys. */
async function descendantsAreSettled({ puller, pull }: Pulling): Promise<boolean> {
  if (!puller.finishes) return true;
  const { shards } = await puller.input.shape(pull.signal);
  const own = shards.find(({ id }) => id === pull.shardId);
  for (const { id, from, to } of shards) {
    if (own === undefined || id <= own.id || to < own.from || from > own.to) continue;
    if ((await puller.input.stateOf(id, pull.signal))?.rewind?.phase === 'settling') return false;
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
  { puller, pull }: Pick<Pulling, 'puller' | 'pull'>,
  shardId: string,
  after: Position | undefined,
): Promise<boolean> {
  const pages = readShard({
    ...{ kinesis: puller.step.kinesis, stream: puller.input.stream, shardId, signal: pull.signal },
    ...{ after, nothingUnreadTrimmed: true },
  });
  for await (const { records, end } of pages) return records.length === 0 && end === 'shard-end';
  return false;
}
