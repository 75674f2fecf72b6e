import type { Shard, StreamShape } from '../log/shards.ts';
import { type Clock, inheritedClock } from '../time/clock.ts';
import { withoutGaps } from '../time/tiles.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { LoadPages } from './mark-pages.ts';
import { type MarkRange, marksWithin, noMarks } from './marks.ts';
import { saveNote } from './note.ts';
import { pointOfChild, type Rewind } from './rewind-state.ts';
import { type Run, withOlder } from './runs.ts';
import { decodeState, encodeState, type Numbering, numberingAfter, type StepState } from './step-state.ts';

/** The store of a step's states: the checkpoint table, or a sink's own database. */
export interface StateStore {
  load(shard: string, signal: AbortSignal): Promise<StoredState | undefined>;
}

/** A state as it is stored. */
export interface StoredState {
  readonly revision: number;
  readonly state: string;
  /** Of a step that publishes: the page of events that was committed with the state (outbox/page.ts). */
  readonly page?: Uint8Array | undefined;
}

/** The states of a step, with the pages of marks that they name. */
export interface PagedStates extends StateStore {
  readonly loadPages: LoadPages;
}

/** A state with the revision that the next one must replace. 0: nothing is stored yet. */
export interface LoadedState {
  readonly revision: number;
  readonly state: StepState;
  /**
   * Set where the state was loaded, and not committed by this process: the page of events that was committed with it.
   * Nobody knows whether the page is in the log.
   */
  readonly page?: Uint8Array | undefined;
  /** Set where nothing is stored yet: the states of the shards that this one follows, as they were loaded. */
  readonly ancestors?: readonly Ancestor[] | undefined;
}

/**
 * The state of a parent, and of its own parents in turn where it has none stored: then its state is what it inherits.
 */
export interface Ancestor extends LoadedState {
  readonly key: string;
}

/**
 * Returns the name of a shard in checkpoints. It contains the stream's incarnation: a stream that was deleted and
 * created again has other shards under the same ids.
 */
export function shardKey(shape: Pick<StreamShape, 'incarnation'>, shardId: string): string {
  return `${shape.incarnation}/${shardId}`;
}

/**
 * Loads the state of a shard. A shard without a state inherits its parents' marks for its hash range. Parents are
 * drained before a child is read, so their marks are complete. A parent that was empty never had a state, and passes on
 * the marks of its own parents. A child that begins while a parent is being rewound is rewound too: its events must not
 * overtake those of its parent.
 */
export async function loadState(
  store: PagedStates,
  shape: StreamShape,
  request: { shard: Shard; signal: AbortSignal; replay?: Rewind | undefined },
): Promise<LoadedState> {
  const { shard, signal, replay } = request;
  const key = shardKey(shape, shard.id);
  const stored = await store.load(key, signal);
  const state = stored === undefined ? undefined : decodeState(stored.state);
  if (stored !== undefined && state !== undefined && state.rewind?.fresh !== true)
    return { revision: stored.revision, state: await withRuns(store, key, { state, signal }), page: stored.page };
  const inherited = await inheritance(store, shape, { shard, signal });
  // A part of the shard's range whose parent is no longer known has no marks.
  const marks = withoutGaps(inherited.marks, shard, noMarks);
  const clock = inherited.clocks.length === 0 ? undefined : inheritedClock(inherited.clocks, shard);
  const numbering = numberingAfter([...inherited.numberings, state?.numbering]);
  if (stored !== undefined && state !== undefined)
    return { revision: stored.revision, state: { ...state, marks, clock, runs: undefined, numbering } };
  const fresh: StepState = { position: undefined, marks, clock, rejections: [], numbering };
  const rewound = replay === undefined ? inherited.rewound : { rewind: replay };
  return {
    revision: 0,
    state: rewound === undefined ? fresh : { ...fresh, ...rewound },
    ancestors: inherited.ancestors,
  };
}

/** Loads what is stored of a shard, and nothing that the shard would inherit. */
export async function loadStored(
  store: PagedStates,
  key: string,
  signal: AbortSignal,
): Promise<LoadedState | undefined> {
  const stored = await store.load(key, signal);
  if (stored === undefined) return undefined;
  const state = decodeState(stored.state);
  return { revision: stored.revision, state: await withRuns(store, key, { state, signal }) };
}

/** Loads the marks of a state that are stored apart from it. */
async function withRuns(
  { loadPages }: PagedStates,
  key: string,
  { state, signal }: { readonly state: StepState; readonly signal: AbortSignal },
): Promise<StepState> {
  const { runs = [] } = state;
  if (runs.length === 0) return state;
  const pages = new Map((await loadPages(key, runs, signal)).map((page) => [page.page, page]));
  const loaded = runs.map((run): Run => ({ ...run, marks: pages.get(run.page)?.marks }));
  return { ...state, marks: withOlder(state.marks, loaded), runs: loaded };
}

/** Moves a state in the checkpoint table. Throws `StaleCheckpoint` when another invocation has moved it. */
export async function saveState(
  checkpoints: Checkpoints,
  key: string,
  move: {
    readonly from: LoadedState;
    readonly to: StepState;
    readonly nowMillis: number;
    readonly signal: AbortSignal;
  },
): Promise<LoadedState> {
  const { from, to, nowMillis, signal } = move;
  const note = { key, decode: decodeState, encode: encodeState };
  const value = { ...to, movedMillis: nowMillis };
  const { revision } = await saveNote(checkpoints, note, { previous: from.revision, value, signal });
  return { revision, state: to };
}

interface Inheritance {
  readonly marks: readonly MarkRange[];
  /** None where the step needs no time. */
  readonly clocks: readonly Clock[];
  readonly ancestors: readonly Ancestor[];
  /** None where the step does not write by version. */
  readonly numberings: readonly (Numbering | undefined)[];
  /** Set when parents are being rewound. */
  readonly rewound: Pick<StepState, 'rewinds' | 'rewind'> | undefined;
}

async function inheritance(
  store: PagedStates,
  shape: StreamShape,
  request: { shard: Shard; signal: AbortSignal },
): Promise<Inheritance> {
  const { shard, signal } = request;
  const marks: MarkRange[] = [];
  const clocks: Clock[] = [];
  const ancestors: Ancestor[] = [];
  const numberings: (Numbering | undefined)[] = [];
  let rewound: Inheritance['rewound'];
  for (const parentId of shard.parents) {
    const parent = await inheritanceOf(store, shape, { parentId, signal });
    marks.push(...marksWithin(parent.marks, shard.from, shard.to));
    clocks.push(...parent.clocks);
    ancestors.push(...parent.ancestors);
    numberings.push(...parent.numberings);
    if ((parent.rewound?.rewinds ?? 0) > (rewound?.rewinds ?? 0)) rewound = parent.rewound;
  }
  return { marks, clocks, ancestors, numberings, rewound };
}

async function inheritanceOf(
  store: PagedStates,
  shape: StreamShape,
  { parentId, signal }: { readonly parentId: string; readonly signal: AbortSignal },
): Promise<Inheritance> {
  const key = shardKey(shape, parentId);
  const stored = await store.load(key, signal);
  if (stored !== undefined) {
    const state = await withRuns(store, key, { state: decodeState(stored.state), signal });
    const { marks, clock, rewinds, rewind, numbering } = state;
    const numberings = [numbering];
    const clocks = clock === undefined ? [] : [clock];
    const ancestors = [{ key, revision: stored.revision, state, page: stored.page }];
    if (rewind === undefined) return { marks, clocks, ancestors, numberings, rewound: undefined };
    const to = pointOfChild(rewind.to);
    // While its parent settles, a process that does not know of the rewind may work on the child. So the child settles
    // too, with the same marks.
    const isSettling = rewind.phase === 'settling';
    return {
      marks,
      clocks,
      ancestors,
      numberings,
      rewound: { rewinds, rewind: isSettling ? { phase: 'settling', to } : { phase: 'passing', to, fresh: true } },
    };
  }
  const known = shape.shards.find(({ id }) => id === parentId);
  if (known === undefined) return { marks: [], clocks: [], ancestors: [], numberings: [], rewound: undefined };
  const passedOn = await inheritance(store, shape, { shard: known, signal });
  // It is a range of its own even without marks: one mark for both parents of a merge would pass over events that came
  // through the other one.
  const marks = withoutGaps(passedOn.marks, known, noMarks);
  const clock = passedOn.clocks.length === 0 ? undefined : inheritedClock(passedOn.clocks, known);
  const empty = { key, revision: 0, state: { position: undefined, marks, clock, rejections: [] } };
  const clocks = clock === undefined ? [] : [clock];
  return { ...passedOn, clocks, marks, ancestors: [...passedOn.ancestors, empty] };
}
