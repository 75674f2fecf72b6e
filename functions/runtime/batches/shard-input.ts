import { withForeignMarks } from '../checkpoints/mark-pages.ts';
import type { Rewind } from '../checkpoints/rewind-state.ts';
import { type LoadedState, loadState, type StateStore, shardKey } from '../checkpoints/shard-states.ts';
import { decodeState, type StepState } from '../checkpoints/step-state.ts';
import { StaleCheckpoint, UserMistake } from '../errors.ts';
import { describeStream, type Shard, type StreamShape } from '../log/shards.ts';
import type { Step } from '../step.ts';
import type { BatchFacts } from './batch.ts';

/** A shard that a step reads, and its committed state. */
export interface ShardInput {
  /** Names the shard in checkpoints and dead letters. */
  readonly key: string;
  /** Its parents' keys. */
  readonly parents: readonly string[];
  readonly facts: BatchFacts;
  readonly loaded: LoadedState;
}

/** The input stream of a step, in one process. */
export interface Input {
  readonly stream: string;
  /** What the keys of its shards begin with: nothing, or the name of a replay. */
  readonly under: string;
  shape(signal: AbortSignal): Promise<StreamShape>;
  /** Describes the stream again. */
  refresh(signal: AbortSignal): Promise<StreamShape>;
  open(shardId: string, signal: AbortSignal): Promise<ShardInput>;
  /**
   * What is stored of a shard, and nothing that it would inherit. Of a shard that a replay has not begun: what it
   * begins with.
   */
  stateOf(shardId: string, signal: AbortSignal): Promise<StepState | undefined>;
  /** A state that was committed: kept for the next batch of the shard, where states may be kept. */
  committed(key: string, loaded: LoadedState): void;
  /** Forgets a kept state, after anything went wrong: the store knows. */
  forget(key: string): void;
}

/**
 * `keepsStates`: the next batch of a shard starts from the state that this process committed, without a look-up. Only
 * for a sink that commits its rows and its state at once: what it does from a state that another process has moved on
 * since does not count. A transform appends before it moves its state. From old marks it would take a repeat for new
 * and give it the repeat's position, and its readers would count it again: so it asks first. `replay`: its states are
 * kept under another name, and begin otherwise.
 */
export function openInput(
  step: Step,
  store: StateStore,
  { keepsStates, replay }: { keepsStates: boolean; replay?: { readonly under: string; readonly rewind: Rewind } },
): Input {
  const { config, kinesis } = step;
  if (config.input === undefined)
    throw new UserMistake(`step '${step.name}' reads no stream: STEP_CONFIG has no input`);
  const { stream, own } = config.input;
  const names = [step.name, step.formerName].filter((name) => name !== undefined);
  const { under = '', rewind } = replay ?? {};
  const states: StateStore = { load: (shard, signal) => store.load(`${under}${shard}`, signal) };
  const kept = new Map<string, LoadedState>();
  let described: Promise<StreamShape> | undefined;

  function refresh(signal: AbortSignal): Promise<StreamShape> {
    described = describeStream(kinesis, stream, signal);
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
    const loaded = await loadState(states, shape, { shard, signal, replay: rewind });
    if (config.input?.idempotent === undefined) return loaded;
    return withForeignMarks(loaded, { pages: step.markPages, store: states, shape, under }, { shard, signal });
  }

  return {
    stream,
    under,
    shape: (signal) => described ?? refresh(signal),
    refresh,
    async open(shardId, signal) {
      const { shape, shard } = await find(shardId, signal);
      const key = `${under}${shardKey(shape, shardId)}`;
      const loaded = kept.get(key) ?? (await loadWhole(shape, shard, signal));
      return {
        key,
        loaded,
        parents: shard.parents.map((id) => `${under}${shardKey(shape, id)}`),
        facts: { stream: shape.name, from: shard.from, to: shard.to, own, names },
      };
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
    forget: (key) => kept.delete(key),
  };
}

/** How often a batch is tried again at once when another invocation has moved the checkpoint meanwhile. */
const TRIES = 3;

/** Does one batch of a shard; again from the newest state when another invocation moved it meanwhile. */
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
