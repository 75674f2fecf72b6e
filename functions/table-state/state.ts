import type pg from 'pg';
import { UserMistake } from '../runtime/errors.ts';
import type { Again, Corrections, LeftLetters, Rebuild } from '../runtime/sink.ts';
import type { Table } from '../runtime/table.ts';
import { beginAt, type LockedPosition } from '../sinks/postgres/progress.ts';
import { correctionsOf } from './corrections-left.ts';
import { type Index, indexChanges } from './indexes.ts';
import { hasColumns } from './join-columns.ts';
import { makeTable, OtherState, type Owner, type Prepared } from './make-table.ts';
import { makeOutboxTable } from './outbox.ts';
import { find, placesOf, setNote, type UseClient } from './places.ts';
import { beginFilling, dropFilling, type Filling, loadCommitted, noteAgain, takeAgainBack } from './rebuild.ts';
import { isFillShard, lettersLeft, lettersStored, refuseTooMany, underOf } from './refused.ts';
import { type StoredShape, shapeOf, stateNote } from './shape.ts';
import type { StateTable } from './statements.ts';
import { swapStates } from './swap-states.ts';

/** The state of a table step, as connections open it. */
export interface State {
  /**
   * Makes what is missing in the database, once on a connection. Do this before progress is loaded. Resolves to
   * undefined while the table shows the state of other code: its progress can be loaded, and nothing else.
   */
  prepare(client: pg.ClientBase): Promise<Prepared | undefined>;
  /** Begins a transaction in which the shard's position is locked. */
  begin(client: pg.ClientBase, shard: string): Promise<Begun>;
  /** Resolves to what is left to do before a batch can be reduced. `use` lends the connection. */
  rebuild(use: UseClient, signal: AbortSignal): Promise<Rebuild | Corrections | LeftLetters | undefined>;
  /** Looks what has become of a request of an operator to make the table again. */
  again(use: UseClient, request: { readonly id: string; readonly signal: AbortSignal }): Promise<Again>;
}

/** A transaction that has begun. */
export interface Begun {
  readonly state: Prepared;
  readonly locked: LockedPosition;
  /** True when the state is being made of the log. */
  readonly isFilling: boolean;
}

/** What a table has in the database beside its rows. */
interface Beside {
  /** The indexes that the pipeline names. */
  readonly indexes: readonly Index[];
  /** Set when the table has a change stream: what that carries. */
  readonly changes: { readonly before: boolean } | undefined;
  /** Begins to make indexes that are missing, and drop those that are too many. Nobody waits for it. */
  build(state: StateTable): void;
}

export function openState(
  table: Pick<Table<never>, 'row' | 'key' | 'state' | 'windows' | 'within'> & MadeAgain,
  owner: Owner,
  { indexes, changes: published, build }: Beside,
): State {
  const publishes = published !== undefined;
  /** What a join with a stream has published stays: there is nothing to correct. */
  const corrects = publishes && table.makesState === undefined;
  const form = showsAgain(table, { publishes }) ? table.state : undefined;
  const wanted = { shape: shapeOf(table), indexes, form };
  const { shape } = wanted;
  let isKnown = false;
  /** The number of the state for which nothing was left to do. */
  let settled: number | undefined;
  const known = new WeakMap<pg.ClientBase, Prepared>();

  const prepare = async (client: pg.ClientBase): Promise<Prepared> => {
    const before = known.get(client);
    if (before !== undefined) return before;
    const wasKnown = isKnown;
    isKnown = false;
    const made = await makeTable(client, owner, { ...wanted, isKnown: wasKnown });
    isKnown = true;
    if (publishes) await makeOutboxTable(client);
    const changes = await indexChanges(client, { step: owner.step, state: made, indexes });
    if (changes.length > 0) build(made);
    known.set(client, made);
    return made;
  };

  const filling = new WeakMap<pg.ClientBase, Filling>();

  const findFilling = async (client: pg.ClientBase, other: OtherState): Promise<Filling | undefined> => {
    const before = filling.get(client);
    if (before?.shown.number === other.shown.number) return before;
    const begun = await beginFilling(client, owner, { shape, other, publishes });
    if (begun !== undefined) filling.set(client, begun);
    return begun;
  };

  /** Resolves to the state that a shard's slices go into. */
  const stateOf = async (client: pg.ClientBase, shard: string): Promise<Omit<Begun, 'locked'>> => {
    if (!isFillShard(shard)) return { state: await prepare(client), isFilling: false };
    const begun = filling.get(client) ?? (await findFillingAnew(client));
    if (begun === undefined || !shard.startsWith(underOf(begun.state.number)))
      throw new Error(`the table ${owner.step} is made again by other code, or has been: the next attempt looks anew`);
    return { state: begun.state, isFilling: true };
  };

  const findFillingAnew = async (client: pg.ClientBase): Promise<Filling | undefined> => {
    const other = await otherState(() => prepare(client));
    return other && findFilling(client, other);
  };

  return {
    prepare: async (client) => {
      let made: Prepared | undefined;
      await otherState(async () => {
        made = await prepare(client);
      });
      return made;
    },
    async begin(client, shard) {
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const into = await stateOf(client, shard).catch((error: unknown) => {
          if (error instanceof OtherState && error.isAsked) settled = undefined;
          throw error;
        });
        if (corrects && !into.isFilling) refuseUnsettled(into.state);
        const locked = await beginAt(client, { step: owner.step, shard }, { ...into.state, composites: [] });
        if (locked !== undefined) return { ...into, locked };
        await client.query('ROLLBACK');
        known.delete(client);
        filling.delete(client);
      }
      throw new Error(`the state of table ${owner.step} was altered ${MOST_ATTEMPTS} times while it was read`);
    },
    async rebuild(use, signal) {
      if (settled !== undefined) return undefined;
      return use(signal, async (client) => {
        known.delete(client);
        const other = await otherState(() => prepare(client));
        const corrections = await correctionsOf(client, owner, { use, changes: published });
        if (corrections !== undefined) return corrections;
        if (other === undefined) {
          await dropFilling(client, owner);
          const state = await prepare(client);
          const letters = await leftLetters(use, client, state);
          if (letters === undefined) settled = state.number;
          return letters;
        }
        refuseUnmakeable(table, other);
        const begun = await findFilling(client, other);
        if (begun === undefined) throw new Error(`the table ${owner.step} was made again at this moment`);
        await refuseTooMany(client, { step: owner.step, state: begun.state.number }).catch(async (error: unknown) => {
          if (other.isAsked) await takeAgainBack(client, owner);
          throw error;
        });
        const committed = await loadCommitted(client, owner);
        return {
          kind: 'rebuild',
          under: underOf(begun.state.number),
          committed,
          ...(other.isAsked ? { takeBack: (backSignal) => use(backSignal, (same) => takeAgainBack(same, owner)) } : {}),
          swap: (filled, swapSignal) =>
            use(swapSignal, (same) =>
              swapStates(same, owner, { ...begun, shape, committed, filled, publishes, corrects }),
            ),
        };
      });
    },
    async again(use, { id, signal }) {
      const { kind, committed } = await use(signal, (client) => askedAgain(client, id));
      return {
        kind,
        committed,
        note: (noteSignal) =>
          use(noteSignal, async (client) => {
            await noteAgain(client, owner, id);
            known.delete(client);
            settled = undefined;
          }),
      };
    },
  };

  /** Throws when another state has taken the place of the settled one: its readers have to learn of that first. */
  function refuseUnsettled({ number }: Prepared): void {
    if (settled === undefined || settled === number) return;
    settled = undefined;
    throw new Error(`the table ${owner.step} was made again by another process: the next attempt looks anew`);
  }

  async function askedAgain(client: pg.ClientBase, id: string): Promise<Omit<Again, 'note'>> {
    await otherState(() => prepare(client));
    const { shown } = await find(client, owner.step);
    if (shown === undefined) throw new Error(`the state of table ${owner.step} is gone`);
    const { asked, again } = shown.stored;
    const committed = await loadCommitted(client, owner);
    if (again !== true) {
      if (asked !== id) refuseUnmakeable(table, new OtherState(owner.step, shown, []));
      return { kind: asked === id ? 'done' : 'new', committed };
    }
    // Somebody else has asked before, or the same command was interrupted: both wait for the same.
    if (asked !== id)
      await setNote(
        client,
        placesOf(owner.step).state(shown.number),
        stateNote(owner.step, { ...shown.stored, asked: id }),
      );
    return { kind: 'pending', committed };
  }

  async function leftLetters(
    use: UseClient,
    client: pg.ClientBase,
    { number, filled }: Prepared,
  ): Promise<LeftLetters | undefined> {
    if (filled === undefined) return undefined;
    const of = { step: owner.step, state: number };
    const letters = await lettersLeft(client, of);
    if (letters === undefined) return undefined;
    return {
      kind: 'letters',
      ...letters,
      stored: (signal) => use(signal, (same) => lettersStored(same, of, letters)),
    };
  }
}

type MadeAgain = Pick<
  Table<never>,
  'key' | 'state' | 'publishesEvents' | 'isMadeOnce' | 'isOfColumns' | 'makesState' | 'within'
>;

/** Throws a `UserMistake` for a table that is not made again by itself. */
export function refuseUnmakeable(
  table: MadeAgain,
  { message, shown }: { readonly message: string; readonly shown: { readonly stored: StoredShape } },
): void {
  const why = whyNotMadeAgain(table, shown.stored);
  if (why === undefined) return;
  throw new UserMistake(
    `${message}, and the table is not made again by itself: ${why}. Undo the change, or start afresh: rename the step in the pipeline, and drop the table and its state when nobody reads them any more; millrace sql plan says before a deployment what it changes`,
  );
}

/** Says why a table whose state is of other code is not made again. Undefined: it is. */
export function whyNotMadeAgain(
  { key, state, publishesEvents, isMadeOnce, isOfColumns, makesState, within }: MadeAgain,
  stored: Pick<StoredShape, 'key' | 'state'>,
): string | undefined {
  // A join re-keys the columns that it reads: the log has no others.
  const lacks = isOfColumns === true && !hasColumns(stored.state, state?.shape);
  if (isMadeOnce === true || within !== undefined || lacks)
    return 'the stream of the join has only what its former code read';
  if (publishesEvents !== true) return undefined;
  if (makesState === undefined) return 'what the join has published cannot be taken back';
  const isKeyed = JSON.stringify(key) === JSON.stringify(stored.key);
  return isKeyed ? undefined : 'the stream of the join has its events by the former key';
}

/** Resolves to the error when the table shows the state of other code. */
async function otherState(work: () => Promise<unknown>): Promise<OtherState | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof OtherState) return error;
    throw error;
  }
}

/**
 * Tells whether the rows of a table are made again as soon as the code makes them otherwise. Those of a change stream
 * are not: a change would have to stand behind all that its shard has committed. Nor those of windows, which may have
 * closed: a row of these changes with its next event.
 */
export function showsAgain(
  { state, windows }: Pick<Table<never>, 'state' | 'windows'>,
  { publishes }: { readonly publishes: boolean },
): boolean {
  return state !== undefined && windows === undefined && !publishes;
}

/** Nobody alters a state table, or once in its life. */
const MOST_ATTEMPTS = 5;
