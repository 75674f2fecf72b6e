import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Shard, StreamShape } from '../log/shards.ts';
import type { Checkpoints } from './checkpoints.ts';
import {
  type ForeignMark,
  type ForeignMarks,
  foreignMarks,
  inheritForeignMarks,
  NO_FOREIGN_MARKS,
  PAGES,
  pageOf,
} from './foreign-marks.ts';
import { jsonNote, loadNote, type Note, type StoredNote, updateNote } from './note.ts';
import type { LoadedState, StateStore } from './shard-states.ts';
import { shardKey } from './shard-states.ts';
import { decodeState, type StepState } from './step-state.ts';

/**
 * Foreign marks in the checkpoint table, in pages. A page has several versions of its marks, and the step's state names
 * the one that counts. So pages and position move at once, by the compare-and-set of the state, wherever the state is
 * kept. A page is stored before its state. Another invocation at the same state may have stored a version of its own,
 * and its commit may be the one that succeeds. So a store deletes only versions that were made of an older state: no
 * commit that names them can succeed any more.
 */
export interface MarkPages {
  /** Loads the marks of one version of each page. Throws when a version is missing. */
  load(shard: string, versions: ForeignMarks['versions'], signal: AbortSignal): Promise<readonly ForeignMark[]>;
  /** Stores the pages that have changed. Resolves to the state to commit in place of `to`. */
  store(
    shard: string,
    move: { readonly from: LoadedState; readonly to: StepState },
    signal: AbortSignal,
  ): Promise<StepState>;
}

const Version = z.object({
  name: z.string(),
  /** The revision of the state that the version was made of. */
  of: z.number(),
  /** The source, the first hash of its range, its sequence, and the time at which it was last seen. */
  marks: z.array(z.tuple([z.string(), z.string(), z.string(), z.number()])),
});
const Page = z.array(Version);
type Version = z.infer<typeof Version>;

export function openMarkPages(checkpoints: Checkpoints): MarkPages {
  /** The pages as this process last saw them. A version never changes. */
  const seen = new Map<string, StoredNote<readonly Version[]>>();

  async function loadPage(shard: string, [page, name]: readonly [number, string], signal: AbortSignal) {
    const note = pageNote(shard, page);
    const versionIn = (versions: readonly Version[] | undefined) => versions?.find((version) => version.name === name);
    const found = versionIn(seen.get(note.key)?.value) ?? versionIn(await read(note, signal));
    if (found === undefined)
      throw new Error(`page ${page} of the marks of '${shard}' has no version '${name}', which its state names`);
    return found.marks.map(
      ([source, from, sequence, seenMillis]): ForeignMark => ({
        source,
        seenMillis,
        from: BigInt(`0x${from}`),
        sequence: BigInt(sequence),
      }),
    );
  }

  async function read(note: Note<readonly Version[]>, signal: AbortSignal): Promise<readonly Version[]> {
    const { revision, value = [] } = await loadNote(checkpoints, note, signal);
    seen.set(note.key, { revision, value });
    return value;
  }

  async function storePage(
    note: Note<readonly Version[]>,
    version: Version,
    { committed, signal }: { readonly committed: string | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    const { revision, value = [] } = await updateNote(checkpoints, note, {
      known: seen.get(note.key),
      change: (versions = []) => [
        ...versions.filter(({ name, of }) => name === committed || of >= version.of),
        version,
      ],
      signal,
    });
    seen.set(note.key, { revision, value });
  }

  return {
    async load(shard, versions, signal) {
      return (await Promise.all([...versions].map((version) => loadPage(shard, version, signal)))).flat();
    },
    async store(shard, { from, to }, signal) {
      const { revision } = from;
      const committed = from.state.foreign;
      const { foreign } = to;
      if (foreign?.marks === undefined || foreign.changed.size === 0) return to;
      const name = `${revision}-${randomBytes(6).toString('base64url')}`;
      const pages = byPage(foreign.marks.values());
      await Promise.all(
        [...foreign.changed].map((page) => {
          const version = { name, of: revision, marks: (pages.get(page) ?? []).map(asStored) };
          return storePage(pageNote(shard, page), version, { committed: committed?.versions.get(page), signal });
        }),
      );
      const versions = new Map([...foreign.versions, ...[...foreign.changed].map((page) => [page, name] as const)]);
      return { ...to, foreign: { versions, marks: foreign.marks, changed: new Set() } };
    },
  };
}

/**
 * Adds the foreign marks to the state of a shard: its own, or those that it inherits from its parents, for its part of
 * their ranges. A parent that was empty passes on those of its own parents.
 */
export async function withForeignMarks(
  loaded: LoadedState,
  from: { readonly pages: MarkPages; readonly store: StateStore; readonly shape: StreamShape; readonly under: string },
  { shard, signal }: { readonly shard: Shard; readonly signal: AbortSignal },
): Promise<LoadedState> {
  const { pages, shape, under } = from;
  const { state } = loaded;
  if (state.foreign !== undefined) {
    const marks = await pages.load(`${under}${shardKey(shape, shard.id)}`, state.foreign.versions, signal);
    return { ...loaded, state: { ...state, foreign: { ...state.foreign, marks: foreignMarks(marks) } } };
  }
  if (state.position !== undefined) return { ...loaded, state: { ...state, foreign: NO_FOREIGN_MARKS } };
  const parents = await parentsOf(from, shard, signal);
  return { ...loaded, state: { ...state, foreign: inheritForeignMarks(state.marks, parents) } };
}

type Parent = Parameters<typeof inheritForeignMarks>[1][number];

async function parentsOf(
  from: Parameters<typeof withForeignMarks>[1],
  { parents }: Shard,
  signal: AbortSignal,
): Promise<readonly Parent[]> {
  const { pages, store, shape, under } = from;
  const found: Parent[] = [];
  for (const id of parents) {
    const key = shardKey(shape, id);
    const stored = await store.load(key, signal);
    const known = shape.shards.find((shard) => shard.id === id);
    if (stored !== undefined) {
      const { marks: ranges, foreign } = decodeState(stored.state);
      const marks = foreign === undefined ? [] : await pages.load(`${under}${key}`, foreign.versions, signal);
      found.push({ ranges, marks });
    } else if (known !== undefined) found.push(...(await parentsOf(from, known, signal)));
  }
  return found;
}

function byPage(marks: Iterable<ForeignMark>): ReadonlyMap<number, readonly ForeignMark[]> {
  return Map.groupBy(marks, ({ source }) => pageOf(source));
}

function asStored({ source, from, sequence, seenMillis }: ForeignMark): Version['marks'][number] {
  return [source, from.toString(16), String(sequence), seenMillis];
}

/** Describes the note of a page. Pages are numbered with two digits, below the name of the shard. */
function pageNote(shard: string, page: number): Note<readonly Version[]> {
  return jsonNote(`marks/${shard}/${String(page).padStart(String(PAGES).length, '0')}`, Page);
}
