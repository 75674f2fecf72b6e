import { decodeState } from '../../functions/runtime/checkpoints/step-state.ts';
import { StaleCheckpoint, UserMistake } from '../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { Position } from '../../functions/runtime/position.ts';
import type { Rejection } from '../../functions/runtime/rejection.ts';
import type {
  CommittedProgress,
  Correction,
  Corrections,
  LeftLetters,
  OpenSink,
  Progress,
  Rebuild,
  ShardFilled,
  SinkDefinition,
  Slice,
} from '../../functions/runtime/sink.ts';
import type { Table as TableCode } from '../../functions/runtime/table.ts';
import { changeOf, noChange } from '../../functions/sinks/postgres/changes.ts';
import type { Column } from '../../functions/sinks/postgres/columns.ts';
import { postgresDefinition } from '../../functions/sinks/postgres/postgres.ts';
import { type RowRejection, rejectionOf } from '../../functions/sinks/postgres/row-rejection.ts';
import type { SliceChanges } from '../../functions/table-state/changes.ts';
import { columnsOfTable } from '../../functions/table-state/columns.ts';
import { nextCorrections } from '../../functions/table-state/corrections.ts';
import { type StoredRow, shownRow } from '../../functions/table-state/fold.ts';
import { passedTick } from '../../functions/table-state/pass-tick.ts';
import type { RowStore, RowsUntil } from '../../functions/table-state/reduce.ts';
import { isFillShard, ownShard } from '../../functions/table-state/refused.ts';
import type { Settled } from '../../functions/table-state/replaced-windows.ts';
import { reduceSlice } from '../../functions/table-state/slice.ts';
import { changesOf, stateOnly, type TableOptions, tableDefinition } from '../../functions/table-state/table-handler.ts';
import { columnValue, type Row } from './column-values.ts';
import {
  askAgain,
  beginFilling,
  correctedRow,
  correctionsIn,
  isOther,
  lettersLeft,
  type ModelState,
  type ModelStates,
  noteAgain,
  noteRefused,
  orderIn,
  redriveCheckIn,
  showFilled,
  statesOf,
} from './table-states.ts';

export type { Row };

/** Returns the name of the constraint that a row violates, or undefined when the row is valid. */
export type Constraint = (row: Row) => string | undefined;

/**
 * Learns of a commit: the events that it processed, in their order, the rows that the table then shows, as JSON, and
 * up to where it has read the log.
 */
export type Watcher = (events: readonly ReceivedEvent[], rows: readonly string[], upTo: ReadUpTo) => void;

/** A place in the log. `shard` is the key of the shard's progress, which ends with the shard's id. */
export interface ReadUpTo {
  readonly shard: string;
  readonly position: Position | undefined;
  /** Which of the windows that are due the commit has closed: some, when its page was full; none, without a time. */
  readonly closes: 'all' | 'some' | 'none';
}

/** A database's tables in memory, and the progress of the sinks that write to them. */
export interface Tables {
  /** Returns rows as `to_json` writes them, in the order in which they, or their keys, first arrived. */
  rows(table: string): readonly Row[];
  /** Returns the progress that a sink committed last. */
  progress(step: string, shard: string): Pick<Progress, 'revision' | 'state'> | undefined;
  /** Returns what each transaction of a table step has changed, in their order. */
  commits(step: string): readonly TableCommit[];
  constrain(table: string, constraint: Constraint): void;
  /** Calls the watcher after each commit of a table step. */
  watch(table: string, watcher: Watcher): void;
  /**
   * Keeps what is committed now: everything, or one step's table and progress. Call the result to restore it, as an
   * operator restores a backup.
   */
  backUp(only?: { readonly table: string; readonly step: string }): () => void;
  /** Returns the Postgres sink, which writes here. `call` makes each call to the database, and may fail instead. */
  sink(call: DatabaseCall): SinkDefinition<unknown, unknown>;
  /** Returns the definition of a table step whose rows are here, under the name `<pipeline>.<step>`. */
  tableStep(table: TableCode, call: DatabaseCall): SinkDefinition<unknown, unknown>;
}

/** A transaction of a table step: the rows that it has changed, before and after. */
export interface TableCommit {
  readonly step: string;
  readonly shard: string;
  readonly revision: number;
  readonly rows: readonly { readonly old: unknown; readonly now: unknown }[];
}

/** Makes a call to the database. `work` is performed at once and as a whole. */
export type DatabaseCall = <Result>(
  operation: DatabaseOperation,
  work: () => Result,
  signal: AbortSignal,
) => Promise<Result>;
export type DatabaseOperation = 'LoadProgress' | 'Begin' | 'Copy' | 'Commit';

interface Table {
  readonly rows: Map<string, Row>;
  /** Of a table step: its rows as they are stored, by their ids, which are the keys of `rows` too. */
  readonly stored: Map<string, StoredRow>;
  readonly constraints: Constraint[];
}

/**
 * Models what the Postgres sink promises the runtime: rows and progress are committed together, by compare-and-set, or
 * not at all; a later row replaces the one with its key, a mirror deletes rows; an invalid row is rejected alone. The
 * columns' types are those that `columnsOf` derives from the schema.
 */
export function createTables({ pageBytes }: { readonly pageBytes?: number | undefined } = {}): Tables {
  const tables = new Map<string, Table>();
  const committed = new Map<string, CommittedProgress>();
  const pagesOf = new Map<string, ReadonlyMap<string, string>>();
  const commits: TableCommit[] = [];
  const watchers = new Map<string, Watcher>();
  const states = new Map<string, ModelStates>();

  function tableOf(name: string): Table {
    const table = tables.get(name) ?? { rows: new Map(), stored: new Map(), constraints: [] };
    tables.set(name, table);
    return table;
  }

  function commit(progress: Progress, changes: readonly (() => void)[]): void {
    const { step, shard, revision, state, pages, outbox } = progress;
    const itemKey = itemKeyOf(step, shard);
    for (const one of [progress, ...(outbox?.closes ?? [])]) {
      if ((committed.get(itemKeyOf(step, one.shard))?.revision ?? 0) !== one.previous)
        throw new StaleCheckpoint(`${step}, ${one.shard}`, one.previous);
    }
    for (const one of outbox?.closes ?? [])
      committed.set(itemKeyOf(step, one.shard), { revision: one.revision, state: one.state });
    committed.set(itemKey, { revision, state, page: outbox?.page });
    pagesOf.set(itemKey, new Map([...(pagesOf.get(itemKey) ?? []), ...pages]));
    for (const change of changes) change();
  }

  function loaded({ step, formerly }: Into, shard: string) {
    const before = formerly === undefined ? undefined : committed.get(itemKeyOf(formerly, shard));
    return committed.get(itemKeyOf(step, shard)) ?? (before && { ...before, revision: 0 });
  }

  function loadedPages({ step, formerly = step }: Into, shard: string): ReadonlyMap<string, string> {
    return new Map([formerly, step].flatMap((name) => [...(pagesOf.get(itemKeyOf(name, shard)) ?? [])]));
  }

  function openSink(call: DatabaseCall, into: Into): OpenSink {
    return {
      async write({ pages, signal, progress }) {
        await call('Begin', () => undefined, signal);
        const rejections: Rejection[] = [];
        const changes: (() => void)[] = [];
        for await (const page of pages) {
          for (const event of page) {
            const made = into.mirror ? changed(into, event) : stored(into, event);
            if (typeof made === 'function') changes.push(made);
            else rejections.push(rejectionOf(event, made));
          }
          await call('Copy', () => undefined, signal);
        }
        await call('Commit', () => commit(progress(rejections), changes), signal);
        return rejections;
      },
      loadProgress: (shard, signal) => call('LoadProgress', () => loaded(into, shard), signal),
      loadPages: (shard, signal) => call('LoadProgress', () => loadedPages(into, shard), signal),
      isEmpty: (signal) => call('LoadProgress', () => into.table.rows.size === 0, signal),
    };
  }

  /** Gives the rows of a renamed step to the step. Its constraints stay: the model's tables are the test's. */
  function takeOver(name: string, formerly: string | undefined): Table {
    const table = tableOf(name);
    const former = formerly === undefined ? undefined : tables.get(placeOf(formerly));
    if (former === undefined) return table;
    for (const kind of ['rows', 'stored'] as const) {
      for (const [id, row] of former[kind]) (table[kind] as Map<string, unknown>).set(id, row);
      former[kind].clear();
    }
    return table;
  }

  /** The states of a table step. A renamed step takes those of its former name over. */
  function statesHere(code: TableCode, { step, formerly, table }: Pick<Into, 'step' | 'formerly' | 'table'>) {
    const former = formerly === undefined ? undefined : states.get(formerly);
    const { rows, stored: kept } = table;
    if (former !== undefined && !states.has(step)) {
      states.set(step, { shown: { ...former.shown, rows, kept }, filling: undefined, correcting: former.correcting });
      states.delete(formerly ?? '');
    }
    return statesOf(states, step, { code, rows, kept });
  }

  /** What is left to do before a batch can be reduced, as table-state/state.ts has it. */
  function rebuildOf(code: TableCode, call: DatabaseCall, into: Into) {
    const { step, options } = into as Into & TableOpening;
    const forget = (under: string): void => {
      for (const key of [...committed.keys()]) if (isUnder(key, step, under)) committed.delete(key);
      for (const key of [...pagesOf.keys()]) if (isUnder(key, step, under)) pagesOf.delete(key);
    };
    const nextOf = async (
      here: ModelStates,
      correcting: NonNullable<ModelStates['correcting']>,
      signal: AbortSignal,
    ): Promise<Correction | undefined> => {
      await call('LoadProgress', () => undefined, signal);
      const table = step.slice(step.indexOf('/') + 1);
      const { before = false } = options?.changes ?? {};
      const windows = { former: correcting.formerStored, now: here.shown.stored, clocks: correcting.clocks };
      const { keyOf } = orderIn(here.shown, correcting);
      const of = { table, keyOf, before, time: CORRECTED_AT, windows };
      const settle = ({ close, drop }: Settled): Promise<void> =>
        call('Commit', () => settleIn(into, here, { close, drop }), signal);
      const page = await nextCorrections(correctionsIn(here, correcting, settle), of, pageBytes);
      if (page === undefined) return undefined;
      const publish = (progress: Progress): void => {
        const own = correcting.owners.find(({ shard }) => shard === page.shard);
        if (here.correcting !== correcting || own?.after !== page.before) throw new StaleCheckpoint(step, 0);
        commit(progress, []);
        correcting.owners = correcting.owners.map((one) => (one === own ? { ...one, after: page.after } : one));
        const rows = page.ids.map((id) => {
          const { old, now } = correctedRow(here, correcting, id);
          return { old: parsedRow(old), now: parsedRow(now) };
        });
        commits.push({ step, shard: page.shard, revision: progress.revision, rows });
      };
      return {
        shard: page.shard,
        write: (slice) => call('Commit', () => publish(slice.progress([], { events: page.events })), slice.signal),
      };
    };
    const look = (): Rebuild | Corrections | LeftLetters | undefined => {
      const here = statesHere(code, into);
      const { correcting } = here;
      if (correcting !== undefined && options?.changes !== undefined)
        return {
          kind: 'corrections',
          shards: correcting.owners.map(({ shard }) => shard),
          next: (signal) => nextOf(here, correcting, signal),
          end: (signal) =>
            call(
              'Commit',
              () => {
                here.correcting = undefined;
              },
              signal,
            ),
        };
      here.correcting = undefined;
      if (!isOther(here, code)) {
        here.filling = undefined;
        forget('rebuild/');
        const letters = lettersLeft(here.shown);
        process.settled = letters === undefined ? here.shown.number : undefined;
        if (letters === undefined) return undefined;
        return { kind: 'letters', ...letters, stored: (signal) => call('Commit', letters.stored, signal) };
      }
      const before = here.filling;
      const filling = beginFilling(here, code);
      if (before !== filling) forget('rebuild/');
      const there = committedOf(step);
      const swap = (filled: ReadonlyMap<string, ShardFilled>): boolean => {
        if (here.filling !== filling) return false;
        for (const key of [...committed.keys()].filter(
          (one) => isUnder(one, step, '') && !isUnder(one, step, 'rebuild/'),
        ))
          if (there.get(shardOfItem(key)) !== committed.get(key)) return false;
        for (const [shard, progress] of there)
          committed.set(itemKeyOf(step, shard), { ...progress, revision: progress.revision + 1 });
        forget('rebuild/');
        const clocks = [...there.values()].flatMap(({ state }) => decodeState(state).clock ?? []);
        showFilled(here, filled, {
          publishes: options?.changes !== undefined && code.makesState === undefined,
          clocks: [clocks],
        });
        return true;
      };
      const takeBack = (): void => {
        here.shown = { ...here.shown, stored: { ...here.shown.stored, again: undefined } };
      };
      return {
        kind: 'rebuild',
        takeBack: (signal) => call('Commit', takeBack, signal),
        under: `rebuild/${filling.number}/`,
        committed: there,
        swap: (filled, signal) => call('Commit', () => swap(filled), signal),
      };
    };
    /** This process knows that nothing is left, until an operator asks. */
    const process: { settled: number | undefined } = { settled: undefined };
    const rebuild: NonNullable<OpenSink['rebuild']> = async (signal) =>
      process.settled === undefined ? call('LoadProgress', look, signal) : undefined;
    const again: NonNullable<OpenSink['again']> = async (id, signal) => {
      const asked = await call('LoadProgress', () => askAgain(statesHere(code, into), id), signal);
      const note = (): void => {
        noteAgain(statesHere(code, into), id);
        process.settled = undefined;
      };
      return { kind: asked, committed: committedOf(step), note: (noteSignal) => call('Commit', note, noteSignal) };
    };
    return { process, rebuild, again };
  }

  /** What is committed of a step's shards, without what is made again. */
  function committedOf(step: string): ReadonlyMap<string, CommittedProgress> {
    return new Map(
      [...committed].flatMap(([key, progress]) =>
        isUnder(key, step, '') && !isUnder(key, step, 'rebuild/') ? [[shardOfItem(key), progress] as const] : [],
      ),
    );
  }

  function tell(
    { written, table }: Pick<Into, 'written' | 'table'>,
    events: readonly ReceivedEvent[],
    { shard, state, closes }: Pick<Progress, 'shard' | 'state'> & Pick<ReadUpTo, 'closes'>,
  ): void {
    const watcher = watchers.get(written);
    if (watcher === undefined) return;
    const rows = [...table.stored.values()].flatMap((stored) => shownRow(stored) ?? []);
    watcher(events, rows, { shard, position: decodeState(state).position, closes });
  }

  function openTableStep(code: TableCode, call: DatabaseCall, of: TableOpening): OpenSink {
    const { step, formerly, options } = of;
    const written = placeOf(step);
    const into = {
      ...of,
      written,
      table: tableOf(written),
      key: undefined,
      mirror: false,
      columns: columnsOfTable(code),
    };
    const left = rebuildOf(code, call, into);
    const stateFor = (name: string): { state: ModelState; isFilling: boolean } => {
      const { shown, filling } = statesHere(code, into);
      if (filling !== undefined && name.startsWith(`rebuild/${filling.number}/`))
        return { state: filling, isFilling: true };
      if (shown.stored.again === true) left.process.settled = undefined;
      if (isFillShard(name) || isOther(statesHere(code, into), code))
        throw new Error(`the table ${step} is of other code at this moment`);
      const corrects = options?.changes !== undefined && code.makesState === undefined;
      const { settled = shown.number } = left.process;
      if (corrects && settled !== shown.number) {
        left.process.settled = undefined;
        throw new Error(`the table ${step} was made again by another process`);
      }
      return { state: shown, isFilling: false };
    };
    return {
      async write({ shard: name, pages, time, from, signal, progress }) {
        const { state, isFilling } = await call('Begin', () => stateFor(name), signal);
        const table = isFilling
          ? { rows: state.rows, stored: state.kept, constraints: into.table.constraints }
          : into.table;
        const changes = new Map<string, { readonly stored: StoredRow; readonly row: Row | undefined } | undefined>();
        const read: ReceivedEvent[] = [];
        const page = { isFull: false };
        const published = isFilling ? undefined : notingFull(changesOf(code, { step, options }, pageBytes), page);
        const ofShard = ownShard(name);
        const redriven = redriveCheckIn(state, {
          shard: ofShard,
          isFilling,
          makesState: (event) => code.makesState?.(event) ?? true,
        });
        const store = storeOf({ ...into, table }, changes, (work) => call('Copy', work, signal));
        const { rejections, upTo, passes, isMoreDue } = await reduceSlice(
          store,
          keptSince(isFilling ? stateOnly(code) : code, state.stored.gone),
          { pages: noted(pages, read), time, from, changes: published, redriven },
        );
        const moved = progress(rejections, {
          events: published === undefined ? [] : [...published.events(), ...passedTick(step, time, passes)],
          upTo,
          isMoreDue,
        });
        const { shard, revision } = moved;
        const isWhole = upTo === undefined && !page.isFull;
        const closes = closedIn(time, isWhole);
        const note = (): unknown => commits.push({ step, shard, revision, rows: changedRows(into.table, changes) });
        const processed = (): ReceivedEvent[] => read.filter(({ position }) => upTo === undefined || position <= upTo);
        const settled = (): void =>
          noteRefused(state, ofShard, { letters: moved.letters ?? [], taken: redriven?.taken(upTo) ?? [] });
        const done = isFilling
          ? [() => apply(table, changes), settled]
          : [
              note,
              () => apply(table, changes),
              settled,
              () => tell(into, processed(), { shard, state: moved.state, closes }),
            ];
        const end = (): void => {
          if (stateFor(name).state.number !== state.number)
            throw new Error(`the table ${step} has another state by now`);
          if (!store.isAsRead()) throw new Error(`another shard wrote a row of ${step} at the same time`);
          commit(moved, done);
        };
        await call('Commit', end, signal);
        return rejections;
      },
      rebuild: left.rebuild,
      again: left.again,
      loadProgress: (shard, signal) =>
        call(
          'LoadProgress',
          () => {
            takeOver(written, formerly);
            statesHere(code, into);
            return loaded(into, shard);
          },
          signal,
        ),
      loadPages: (shard, signal) => call('LoadProgress', () => loadedPages(into, shard), signal),
      isEmpty: async () => false,
    };
  }

  return {
    rows: (name) => [...(tables.get(name)?.rows.values() ?? [])],
    progress: (step, shard) => committed.get(itemKeyOf(step, shard)),
    commits: (step) => commits.filter((one) => one.step === step),
    constrain: (name, constraint) => tableOf(name).constraints.push(constraint),
    watch: (name, watcher) => void watchers.set(name, watcher),
    backUp(only) {
      const ofTable = (name: string): boolean => only === undefined || name === only.table;
      const ofStep = (key: string): boolean => only === undefined || stepOfItem(key) === only.step;
      const restores = [
        ...[...tables].filter(([name]) => ofTable(name)).map(([, { rows }]) => keptOf(rows, () => true)),
        ...[...tables].filter(([name]) => ofTable(name)).map(([, { stored }]) => keptOf(stored, () => true)),
        keptOf(committed, ofStep),
        keptOf(pagesOf, ofStep),
        keptOf(states, (step) => only === undefined || step === only.step),
      ];
      return () => {
        // A table that was made after the backup is empty.
        for (const [name, { rows, stored }] of tables) {
          if (!ofTable(name)) continue;
          rows.clear();
          stored.clear();
        }
        for (const restore of restores) restore();
      };
    },
    tableStep: (table, call) =>
      ({
        ...tableDefinition(table),
        resources: postgresDefinition.resources,
        open: (of: TableOpening) => openTableStep(table, call, of),
      }) as unknown as SinkDefinition<unknown, unknown>,
    sink: (call) => ({
      options: postgresDefinition.options,
      resources: postgresDefinition.resources,
      into: postgresDefinition.into as SinkDefinition<unknown, unknown>['into'],
      doubles: postgresDefinition.doubles as SinkDefinition<unknown, unknown>['doubles'],
      open({ step, formerly, options, resources }) {
        const { table, key, mode } = postgresDefinition.options.parse(options);
        const { columns } = postgresDefinition.resources.parse(resources);
        if (columns === undefined) throw new UserMistake(`the columns of the table ${table} are unknown`);
        const mirror = mode === 'mirror';
        return openSink(call, { step, formerly, written: table, table: tableOf(table), key, mirror, columns });
      },
    }),
  };
}

/** The name of a table step's table: its schema has the pipeline's name. */
function placeOf(step: string): string {
  return step.replace('/', '.');
}

type Changes = Map<string, { readonly stored: StoredRow; readonly row: Row | undefined } | undefined>;

interface ModelStore extends RowStore {
  /** Tells whether the rows that were read and changed are still as they were read: nobody else has written one. */
  isAsRead(): boolean;
}

/** Models a state table inside a transaction, whose changes nobody else sees. */
function storeOf(into: Into, changes: Changes, call: <T>(work: () => T) => Promise<T>): ModelStore {
  const { table, columns } = into;
  const asRead = new Map<string, StoredRow | undefined>();
  const until = ({ end, from, to, most }: RowsUntil, isOpen: boolean): (readonly [string, StoredRow])[] =>
    [...new Set([...table.stored.keys(), ...changes.keys()])]
      .flatMap((id) => {
        const stored = changes.has(id) ? changes.get(id)?.stored : table.stored.get(id);
        const window = stored?.window;
        if (stored === undefined || window === undefined || window.isOpen !== isOpen) return [];
        return window.end <= end && window.hash >= from && window.hash <= to ? [[id, stored] as const] : [];
      })
      .sort(([a, one], [b, other]) => (one.window?.end ?? 0) - (other.window?.end ?? 0) || (a < b ? -1 : 1))
      .slice(0, most);
  const between = (after: string, below: string): [string, StoredRow][] =>
    [...new Set([...table.stored.keys(), ...changes.keys()])]
      .filter((id) => id > after && id < below)
      .sort((a, b) => (a < b ? -1 : 1))
      .flatMap((id) => {
        const stored = changes.has(id) ? changes.get(id)?.stored : table.stored.get(id);
        return stored === undefined ? [] : [[id, stored]];
      });
  return {
    between: async ({ after, below, most }) => new Map(between(after, below).slice(0, most)),
    occupied: async (ranges) =>
      new Set(ranges.flatMap(({ above, below }, index) => (between(above, below).length > 0 ? [index] : []))),
    due: async (rows) => new Map(until(rows, true)),
    near: async (near, most) =>
      new Map(
        [...new Set([...table.stored.keys(), ...changes.keys()])]
          .flatMap((id) => {
            const stored = changes.has(id) ? changes.get(id)?.stored : table.stored.get(id);
            const window = stored?.window;
            if (stored === undefined || window === undefined) return [];
            const isNear = near.some(
              ({ group, from, to }) => group === window.group && window.end >= from && window.start <= to,
            );
            return isNear ? [[id, stored] as const] : [];
          })
          .slice(0, most),
      ),
    async counts(groups) {
      const all = [...new Set([...table.stored.keys(), ...changes.keys()])].flatMap((id) => {
        const stored = changes.has(id) ? changes.get(id)?.stored : table.stored.get(id);
        return stored?.window?.group ?? [];
      });
      return new Map(groups.map((group) => [group, all.filter((one) => one === group).length]));
    },
    async drop(rows) {
      const gone = until(rows, false);
      for (const [id] of gone) changes.set(id, undefined);
      return gone.length;
    },
    async close(ids) {
      for (const id of ids) {
        const stored = changes.has(id) ? changes.get(id)?.stored : table.stored.get(id);
        if (stored?.window === undefined) throw new Error(`the row ${id} has no window`);
        const shown = { ...stored, window: { ...stored.window, isOpen: false } };
        changes.set(id, { stored: shown, row: rowOfStored(into, shown) });
      }
    },
    isAsRead: () => [...asRead].every(([id, stored]) => !changes.has(id) || table.stored.get(id) === stored),
    async read(ids) {
      for (const id of ids) if (!asRead.has(id)) asRead.set(id, table.stored.get(id));
      const rows = ids.flatMap((id): [string, StoredRow][] => {
        const stored = changes.has(id) ? changes.get(id)?.stored : table.stored.get(id);
        return stored === undefined ? [] : [[id, stored]];
      });
      return new Map(rows);
    },
    write: ({ after }) =>
      call(() => {
        const made = [...after].map(([id, stored]) => {
          if (stored === undefined) return { id, change: undefined };
          if (stored.row === undefined) return { id, change: { stored, row: undefined } };
          const one = rowOf(into, { data: dataOf(columns, stored.row) });
          if ('refusal' in one) return one;
          return { id, change: { stored, row: stored.window?.isOpen === true ? undefined : one.row } };
        });
        const refused = made.find((one) => 'refusal' in one);
        if (refused !== undefined && 'refusal' in refused) return refused.refusal;
        for (const one of made) if ('id' in one) changes.set(one.id, one.change);
        return undefined;
      }),
  };
}

/** Returns the fields of a stored row that are columns. */
function dataOf(columns: readonly Column[], row: string): Row {
  const all = Object.entries(JSON.parse(row) as Row);
  return Object.fromEntries(all.filter(([name]) => columns.some((column) => column.name === name)));
}

/** Returns a row that was stored before as the table shows it. */
function rowOfStored(into: Into, { row }: StoredRow): Row | undefined {
  if (row === undefined) return undefined;
  const made = rowOf(into, { data: dataOf(into.columns, row) });
  return 'row' in made ? made.row : undefined;
}

function closedIn(time: Slice['time'], isWhole: boolean): ReadUpTo['closes'] {
  if (time === undefined) return 'none';
  return isWhole ? 'all' : 'some';
}

/** Returns code whose windows that ended by a time may be gone already. */
function keptSince(code: TableCode, gone: string | undefined): TableCode {
  if (gone === undefined || code.windows === undefined) return code;
  return { ...code, windows: { ...code.windows, goneMillis: Date.parse(gone) } };
}

/** Closes and drops rows of the state that is shown. */
function settleIn(into: Into, { shown, correcting }: ModelStates, { close, drop }: Settled): void {
  if (correcting === undefined) throw new StaleCheckpoint(into.step, 0);
  for (const id of close) {
    const stored = shown.kept.get(id);
    if (stored?.window === undefined) continue;
    const closed = { ...stored, window: { ...stored.window, isOpen: false } };
    shown.kept.set(id, closed);
    const row = rowOfStored(into, closed);
    if (row !== undefined) shown.rows.set(id, row);
  }
  for (const id of drop) {
    shown.kept.delete(id);
    shown.rows.delete(id);
  }
}

function parsedRow(row: StoredRow | undefined): unknown {
  const shown = shownRow(row);
  return shown === undefined ? undefined : JSON.parse(shown);
}

/** The time of corrections: that of the swap. */
const CORRECTED_AT = '2026-01-01T00:00:00.000Z';

function changedRows({ stored }: Table, changes: Changes): TableCommit['rows'] {
  return [...changes]
    .filter(([id, change]) => shownRow(stored.get(id)) !== shownRow(change?.stored))
    .map(([id, change]) => ({ old: parsedRow(stored.get(id)), now: parsedRow(change?.stored) }));
}

/** Notes when a change finds no room in the page. */
function notingFull(changes: SliceChanges | undefined, page: { isFull: boolean }): SliceChanges | undefined {
  if (changes === undefined) return undefined;
  return {
    ...changes,
    fits(...change) {
      const fits = changes.fits(...change);
      page.isFull ||= !fits;
      return fits;
    },
  };
}

/** Passes pages on, and notes their events. */
async function* noted(pages: Slice['pages'], events: ReceivedEvent[]): Slice['pages'] {
  for await (const page of pages) {
    events.push(...page);
    yield page;
  }
}

function apply({ rows, stored }: Table, changes: Changes): void {
  for (const [id, change] of changes) {
    if (change === undefined) {
      rows.delete(id);
      stored.delete(id);
    } else {
      if (change.row === undefined) rows.delete(id);
      else rows.set(id, change.row);
      stored.set(id, change.stored);
    }
  }
}

type TableOpening = Pick<Into, 'step' | 'formerly'> & { readonly options: TableOptions };

interface Into {
  readonly step: string;
  readonly formerly: string | undefined;
  readonly written: string;
  readonly table: Table;
  readonly key: readonly string[] | undefined;
  readonly mirror: boolean;
  readonly columns: readonly Column[];
}

/** Returns what a change of another table's row does here, or why it is rejected. */
function changed(into: Into, event: ReceivedEvent): (() => void) | RowRejection {
  const change = changeOf(event);
  if (change === undefined) return noChange(event);
  if (change === 'stored') return stored(into, event);
  // Of a deleted row only the key counts.
  const { table, columns, key = [] } = into;
  const ofKey = columns.filter(({ name }) => key.includes(name));
  const made = rowOf({ ...into, columns: ofKey, table: { ...table, constraints: [] } }, event, columns);
  return 'refusal' in made ? made.refusal : () => table.rows.delete(rowKeyOf(key, made.row));
}

function stored(into: Into, event: ReceivedEvent): (() => void) | RowRejection {
  const { table, key } = into;
  const made = rowOf(into, event);
  return 'refusal' in made ? made.refusal : () => put(table, key, made.row);
}

function rowOf(
  into: Into,
  { data }: Pick<ReceivedEvent, 'data'>,
  known = into.columns,
): { readonly row: Row } | { readonly refusal: RowRejection } {
  const { columns, key = [], written, table } = into;
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    return refused('22P02', 'the data is not an object: it has no fields');
  const unknown = Object.keys(data).find((field) => !known.some(({ name }) => name === field));
  if (unknown !== undefined) throw new UserMistake(`the table ${written} has no column for the field ${unknown}`);
  const row: Record<string, unknown> = {};
  for (const { name, type, nullable } of columns) {
    const given = Object.hasOwn(data, name) ? (data as Row)[name] : undefined;
    const isNull = given === undefined || given === null;
    if (isNull && (!nullable || key.includes(name)))
      return refused('23502', `null value in column "${name}" of relation "${written}"`, name);
    const value = isNull ? { value: null } : columnValue(type, given);
    if ('code' in value) return refused(value.code, value.message, name);
    row[name] = value.value;
  }
  const violated = table.constraints.map((constraint) => constraint(row)).find((name) => name !== undefined);
  if (violated === undefined) return { row };
  return refused('23514', `new row for relation "${written}" violates check constraint "${violated}"`);
}

function refused(code: string, message: string, column?: string): { readonly refusal: RowRejection } {
  return { refusal: { code, message, column } };
}

/** Stores a row. Appended rows, which have no key, get a number. */
function put({ rows }: Table, key: readonly string[] | undefined, row: Row): void {
  rows.set(key === undefined ? String(rows.size) : rowKeyOf(key, row), row);
}

function rowKeyOf(key: readonly string[], row: Row): string {
  return JSON.stringify(key.map((name) => row[name]));
}

/** Keeps some entries of a map. The result puts exactly these back. */
function keptOf<Value>(map: Map<string, Value>, isKept: (key: string) => boolean): () => void {
  const kept = [...map].filter(([key]) => isKept(key));
  return () => {
    for (const key of [...map.keys()].filter(isKept)) map.delete(key);
    for (const [key, value] of kept) map.set(key, value);
  };
}

function itemKeyOf(step: string, shard: string): string {
  return JSON.stringify([step, shard]);
}

function shardOfItem(itemKey: string): string {
  return (JSON.parse(itemKey) as [step: string, shard: string])[1];
}

function isUnder(itemKey: string, step: string, prefix: string): boolean {
  return stepOfItem(itemKey) === step && shardOfItem(itemKey).startsWith(prefix);
}

function stepOfItem(itemKey: string): string {
  return (JSON.parse(itemKey) as [step: string])[0];
}
