import { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';
import { backOffMillis, type Sleep } from '../../runtime/log/back-off.ts';
import { type Position, START_OF_SHARD } from '../../runtime/position.ts';
import type { Notes } from '../../runtime/sink.ts';
import type { TableCatalog } from './catalog/rest-catalog.ts';
import type { Table } from './catalog/table-metadata.ts';
import type { DataFile } from './data-files.ts';
import type { TableFiles } from './files.ts';
import { prepareSnapshot } from './snapshot.ts';
import { checkStanding, type Known } from './table/standing.ts';
import type { StepProperties } from './table/step-properties.ts';

/** The files of a slice, to be committed with the position at its end. */
export interface SliceFiles {
  readonly shard: string;
  /** The files have the rows behind this position. */
  readonly after: Position | undefined;
  readonly to: Position;
  /** At least one. */
  readonly files: readonly DataFile[];
  readonly signal: AbortSignal;
}

/** Commits to one table, in one process. */
export interface Committer {
  /**
   * Resolves once the files are in the table, together with the position `to`, or are not needed, because somebody else
   * has brought the table there. Slices that wait at the same time become one snapshot.
   */
  commit(files: SliceFiles): Promise<void>;
  /** Loads the table, and makes sure that the step may write to it. Undefined: there is none. */
  look(signal: AbortSignal): Promise<Table | undefined>;
  /**
   * Commits an empty snapshot where the step's last one is old. It would expire, and nothing would show whose it is.
   */
  renew(signal: AbortSignal): Promise<void>;
}

export interface CommitterSettings {
  readonly catalog: TableCatalog;
  readonly store: TableFiles;
  readonly properties: StepProperties;
  /** `namespace.table`, for messages and for the note. */
  readonly called: string;
  readonly notes: Notes | undefined;
  readonly sleep: Sleep;
  readonly now: () => number;
  readonly random: () => number;
}

/** Others commit too: a compactor, and the twins of this process. */
const MOST_ATTEMPTS = 10;

const RENEWED_AFTER_MILLIS = 20 * 3_600_000;

export function openCommitter(settings: CommitterSettings): Committer {
  const { catalog, properties, called, now } = settings;
  const memory = openMemory(settings);
  let waiting: Waiting[] = [];
  let isWorking = false;

  async function look(signal: AbortSignal): Promise<Table | undefined> {
    const [known, table] = await Promise.all([memory.load(signal), catalog.load(signal)]);
    if (table === undefined && known !== undefined)
      throw new UserMistake(`the table ${called} is gone: make it again, or restore it`);
    if (table !== undefined) checkStanding(table, { properties, known, called });
    return table;
  }

  async function attempt(all: readonly Waiting[], signal: AbortSignal): Promise<boolean> {
    const table = await look(signal);
    if (table === undefined) throw new Error(`the table ${called} is gone`);
    // Noted before the first commit: a commit whose reply is lost counts too.
    await memory.keep({ uuid: table.uuid, sequence: properties.snapshotIn(table)?.sequence }, signal);
    const missing = all.filter(({ slice }) => !isStored(properties.positionIn(table, slice.shard), slice));
    if (missing.length === 0) return true;
    const positions = new Map(missing.map(({ slice: { shard, to } }) => [shard, to]));
    return commitOnce(table, { files: missing.flatMap(({ slice }) => slice.files), positions, signal });
  }

  async function commitOnce(table: Table, { files, positions, signal }: OneCommit): Promise<boolean> {
    let sequence = 0n;
    const addition = {
      files,
      properties(own: { readonly id: bigint; readonly sequence: bigint }) {
        sequence = own.sequence;
        return properties.after(own, positions);
      },
      removals: table.properties[properties.goOn] === undefined ? [] : [properties.goOn],
    };
    const { store } = settings;
    const changes = await prepareSnapshot(table, addition, { store, nowMillis: now(), signal });
    if ((await catalog.commit(changes, signal)) !== 'committed') return false;
    await memory.keep({ uuid: table.uuid, sequence }, signal);
    return true;
  }

  async function untilDone(work: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    for (let attempts = 0; attempts < MOST_ATTEMPTS; attempts++) {
      if (attempts > 0) await settings.sleep(backOffMillis(attempts, settings.random), signal);
      if (await work()) return;
    }
    throw new Error(`the table ${called} took none of ${MOST_ATTEMPTS} commits: others commit to it all the time`);
  }

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const all = waiting;
      waiting = [];
      const signal = AbortSignal.any(all.map(({ slice }) => slice.signal));
      try {
        await untilDone(() => attempt(all, signal), signal);
        for (const { resolve } of all) resolve();
      } catch (error) {
        for (const { reject } of all) reject(error);
      }
    }
    isWorking = false;
  }

  return {
    look,
    commit(slice) {
      return new Promise((resolve, reject) => {
        waiting.push({ slice, resolve, reject });
        if (isWorking) return;
        isWorking = true;
        void work();
      });
    },
    async renew(signal) {
      await untilDone(async () => {
        const table = await look(signal);
        const own = table && properties.snapshotIn(table);
        if (table === undefined || own === undefined) return true;
        const committedMillis = table.snapshots.get(own.id)?.['timestamp-ms'] ?? 0;
        if (now() - committedMillis < RENEWED_AFTER_MILLIS) return true;
        return commitOnce(table, { files: [], positions: new Map(), signal });
      }, signal);
    },
  };
}

interface Waiting {
  readonly slice: SliceFiles;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface OneCommit {
  readonly files: readonly DataFile[];
  readonly positions: ReadonlyMap<string, Position>;
  readonly signal: AbortSignal;
}

/** Tells whether the table has the rows of a slice. Throws when it has some of those that the files have. */
function isStored(position: Position | undefined, { shard, after = START_OF_SHARD, to }: SliceFiles): boolean {
  if (position === undefined || position <= after) return false;
  if (position >= to) return true;
  throw new Error(`the table has got a part of the slice of ${shard} meanwhile: the rest is written at the next run`);
}

const StoredKnown = z.object({ uuid: z.string(), sequence: z.string().optional() });

/** What the step remembers of the table, in its checkpoints. */
function openMemory({ notes, called }: CommitterSettings) {
  const name = `iceberg/${called}`;
  const read = async (signal: AbortSignal) => {
    const stored = await notes?.load(name, signal);
    if (stored === undefined) return { revision: 0, known: undefined };
    const { uuid, sequence } = StoredKnown.parse(JSON.parse(stored.text));
    const known: Known = { uuid, sequence: sequence === undefined ? undefined : BigInt(sequence) };
    return { revision: stored.revision, known };
  };
  return {
    load: async (signal: AbortSignal): Promise<Known | undefined> => (await read(signal)).known,
    /** Remembers a table, and the highest number that it has shown. Another process may remember a higher one. */
    async keep({ uuid, sequence }: Known, signal: AbortSignal): Promise<void> {
      for (;;) {
        const { revision: previous, known } = await read(signal);
        const isSame = known?.uuid === uuid;
        if (isSame && (sequence === undefined || (known?.sequence ?? -1n) >= sequence)) return;
        const text = JSON.stringify({ uuid, ...(sequence === undefined ? {} : { sequence: String(sequence) }) });
        if (notes === undefined || (await notes.keep(name, { previous, text }, signal))) return;
      }
    },
  };
}
