import { withForeignMarks } from '../checkpoints/foreign-pages.ts';
import { noMarks } from '../checkpoints/marks.ts';
import type { Rewind } from '../checkpoints/rewind-state.ts';
import { type LoadedState, loadState, type PagedStates, shardKey } from '../checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../checkpoints/step-state.ts';
import { StaleCheckpoint, UserMistake } from '../errors.ts';
import type { PortionBounds } from '../log/portion.ts';
import { describeStream, type Shard, type StreamShape } from '../log/shards.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { type Position, START_OF_SHARD } from '../position.ts';
import type { Step } from '../step.ts';
import type { BatchFacts } from './batch.ts';

/** One shard that a step reads, and its committed state. */
export interface ShardInput {
  /** The name of the shard in checkpoints and dead letters. */
  readonly key: string;
  /** The keys of its parents. */
  readonly parents: readonly string[];
  /** Returns the keys of any shard's parents, where the stream's description has the shard. */
  readonly parentsOf: (key: string) => readonly string[];
  readonly facts: BatchFacts;
  readonly loaded: LoadedState;
}

/** The input stream of a step, as one process sees it. */
export interface Input {
  readonly stream: string;
  /** The prefix of its shards' keys: empty, or the name of a replay. */
  readonly under: string;
  /** True when the step publishes: then no record may be acknowledged before the shard's page is in the log. */
  readonly publishes: boolean;
  /** Resolves to the stream's shards as this process described them last. */
  shape(signal: AbortSignal): Promise<StreamShape>;
  /** Describes the stream again. */
  refresh(signal: AbortSignal): Promise<StreamShape>;
  /** Loads a shard's state, or its parents' marks where the shard has no state yet. */
  open(shardId: string, signal: AbortSignal): Promise<ShardInput>;
  /** Opens a shard as if nothing were stored of it. For when the store of the states is out of reach. */
  blank(shardId: string, signal: AbortSignal): Promise<ShardInput>;
  /**
   * Loads only what is stored of a shard, and nothing that the shard would inherit. For a shard that a replay has not
   * begun, resolves to the state that the replay begins with.
   */
  stateOf(shardId: string, signal: AbortSignal): Promise<StepState | undefined>;
  /** Keeps a committed state for the shard's next batch, where states may be kept. */
  committed(key: string, loaded: LoadedState): void;
  /** Notes the position after a batch of the mapping, once all of the batch is processed. */
  reached(key: string, position: Position | undefined): void;
  /** Tells whether the last batch that this process noted of the shard ended at this position. */
  isReached(key: string, position: Position): boolean;
  /** Forgets a kept state. Call this after any error: the store has the true state. */
  forget(key: string): void;
}

/**
 * Opens a step's input stream.
 *
 * `keepsStates`: the next batch of a shard starts from the state that this process committed, without loading that
 * state. This is safe only for a sink that commits its rows and its state together, because the commit fails when
 * another process has moved the state. A transform appends before it moves its state. From old marks it would take a
 * duplicate for a new event and append its outputs under the duplicate's position, and readers would count them twice.
 *
 * `replay`: the states lie under another prefix, and each begins with this rewind, if there is one.
 *
 * `notesBeginning`: the states say where the step has begun to read each shard.
 *
 * `numbers`: the step writes by version, so its batches count what their records hold.
 *
 * `outbox`: set for a step that publishes. Whatever is loaded has its page in the log before anybody gets it.
 *
 * `keepsRecords`: the step stores records, so its batches keep them.
 *
 * `forgotten`: finds the shards that the stream no longer lists.
 *
 * `portion`: the bounds of what is committed at once, for a step that may take parts of that.
 */
export function openInput(
  step: Step,
  store: PagedStates,
  options: {
    readonly keepsStates: boolean;
    readonly replay?: { readonly under: string; readonly rewind?: Rewind };
    readonly outbox?: Pick<Outbox, 'settle'> | undefined;
    readonly notesBeginning?: boolean;
    readonly numbers?: boolean;
    readonly keepsRecords?: boolean | undefined;
    readonly forgotten?: ((shape: StreamShape, signal: AbortSignal) => Promise<readonly Shard[]>) | undefined;
    readonly portion?: PortionBounds | undefined;
  },
): Input {
  const { keepsStates, replay, outbox, notesBeginning, numbers, keepsRecords, forgotten, portion } = options;
  const { config, kinesis } = step;
  if (config.input === undefined)
    throw new UserMistake(`step '${step.name}' reads no stream: STEP_CONFIG has no input`);
  const { stream, own } = config.input;
  const names = [step.name, step.formerName].filter((name) => name !== undefined);
  const { under = '', rewind } = replay ?? {};
  const states: PagedStates = {
    load: (shard, signal) => store.load(`${under}${shard}`, signal),
    loadPages: (shard, names, signal) => store.loadPages(`${under}${shard}`, names, signal),
  };
  const keyOf = (shape: StreamShape, shardId: string): string => `${under}${shardKey(shape, shardId)}`;
  const kept = new Map<string, LoadedState>();
  const reached = new Map<string, Position>();
  let described: Promise<StreamShape> | undefined;

  function refresh(signal: AbortSignal): Promise<StreamShape> {
    described = describeStream(kinesis, stream, signal).then(async (shape) => {
      const more = (await forgotten?.(shape, signal)) ?? [];
      return more.length === 0 ? shape : { ...shape, shards: [...more, ...shape.shards] };
    });
    described.catch(() => {
      described = undefined;
    });
    return described;
  }

  async function find(shardId: string, signal: AbortSignal): Promise<{ shape: StreamShape; shard: Shard }> {
    const known = await (described ?? refresh(signal));
    const inKnown = known.shards.find(({ id }) => id === shardId);
    if (inKnown !== undefined) return { shape: known, shard: inKnown };
    const newest = await refresh(signal);
    const inNewest = newest.shards.find(({ id }) => id === shardId);
    if (inNewest !== undefined) return { shape: newest, shard: inNewest };
    throw new Error(`stream ${stream} has no shard ${shardId}`);
  }

  async function loadWhole(shape: StreamShape, shard: Shard, signal: AbortSignal): Promise<LoadedState> {
    const stored = await loadState(states, shape, { shard, signal, replay: rewind });
    const loaded = outbox === undefined ? stored : await outbox.settle(inputOf({ shape, shard }, stored), signal);
    if (config.input?.idempotent === undefined) return loaded;
    return withForeignMarks(loaded, { states, shape }, { shard, signal });
  }

  function inputOf({ shape, shard }: { shape: StreamShape; shard: Shard }, loaded: LoadedState): ShardInput {
    return {
      key: keyOf(shape, shard.id),
      loaded,
      parents: shard.parents.map((id) => keyOf(shape, id)),
      parentsOf: (key) =>
        shape.shards.find(({ id }) => keyOf(shape, id) === key)?.parents.map((id) => keyOf(shape, id)) ?? [],
      facts: {
        stream: shape.name,
        from: shard.from,
        to: shard.to,
        own,
        names,
        time: config.time,
        versions: config.versions?.reads,
        portion: step.portion ?? portion,
        takesParts: outbox !== undefined || config.time !== undefined || portion !== undefined,
        notesBeginning,
        numbers,
        keepsRecords,
      },
    };
  }

  return {
    stream,
    under,
    publishes: outbox !== undefined,
    shape: (signal) => described ?? refresh(signal),
    refresh,
    async open(shardId, signal) {
      const found = await find(shardId, signal);
      const { shape, shard } = found;
      const key = keyOf(shape, shardId);
      return inputOf(found, kept.get(key) ?? (await loadWhole(shape, shard, signal)));
    },
    async blank(shardId, signal) {
      const found = await find(shardId, signal);
      const { from, to } = found.shard;
      return inputOf(found, {
        revision: 0,
        state: { position: undefined, marks: noMarks(from, to), rejections: [] },
      });
    },
    async stateOf(shardId, signal) {
      const { shape } = await find(shardId, signal);
      const stored = await states.load(shardKey(shape, shardId), signal);
      if (stored !== undefined) return decodeState(stored.state);
      return rewind && { position: undefined, marks: [], rejections: [], rewind };
    },
    committed: (key, loaded) => {
      if (keepsStates && loaded.state.rewind === undefined) kept.set(key, loaded);
      else kept.delete(key);
    },
    reached: (key, position) => {
      if (position !== undefined) reached.set(key, position);
    },
    isReached: (key, position) => reached.get(key) === position,
    forget: (key) => kept.delete(key),
  };
}

/** Returns the shard's position. Before the first record, that is the start of the shard. */
export function positionOfShard({ loaded }: Pick<ShardInput, 'loaded'>): Position {
  return loaded.state.position ?? START_OF_SHARD;
}

/** How often a batch is tried in all, when other invocations keep moving the checkpoint. */
const TRIES = 3;

/** Processes one batch of a shard, and starts over from the newest state when another invocation has moved it. */
export async function withShard<T>(
  input: Input,
  at: { readonly shardId: string; readonly signal: AbortSignal },
  work: (shard: ShardInput) => Promise<{ readonly loaded: LoadedState; readonly result: T }>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const shard = await input.open(at.shardId, at.signal);
    try {
      const { loaded, result } = await work(shard);
      input.committed(shard.key, loaded);
      return result;
    } catch (error) {
      input.forget(shard.key);
      if (!(error instanceof StaleCheckpoint) || attempt === TRIES) throw error;
    }
  }
}
