import type { Shard, StreamShape } from '../log/shards.ts';
import {
  type ForeignMark,
  type ForeignMarks,
  foreignMarks,
  inheritForeignMarks,
  NO_FOREIGN_MARKS,
  PAGES,
  pageOf,
} from './foreign-marks.ts';
import { type MarkPage, type PageMark, type PageName, pageOfMarks } from './mark-pages.ts';
import { type LoadedState, type PagedStates, shardKey } from './shard-states.ts';
import { decodeState } from './step-state.ts';

/** Makes the pages of foreign marks that a commit has to store: those whose marks have moved. */
export function changedForeignPages(
  foreign: ForeignMarks,
  revision: number,
): { readonly foreign: ForeignMarks; readonly pages: readonly MarkPage[] } {
  const { versions, marks, changed } = foreign;
  if (marks === undefined || changed.size === 0) return { foreign, pages: [] };
  const byPage = Map.groupBy(marks.values(), ({ source }) => pageOf(source));
  const made = [...changed].map((page) => ({
    page,
    stored: pageOfMarks(pageId(page), (byPage.get(page) ?? []).map(asStored), revision),
  }));
  return {
    foreign: {
      versions: new Map([...versions, ...made.map(({ page, stored }) => [page, stored.version] as const)]),
      marks,
      changed: new Set(),
    },
    pages: made.map(({ stored }) => stored),
  };
}

export function foreignPageNames({ versions }: ForeignMarks): readonly PageName[] {
  return [...versions].map(([page, version]) => ({ page: pageId(page), version }));
}

/**
 * Adds the foreign marks to the state of a shard: its own, or those that it inherits from its parents, for its part of
 * their ranges. A parent that was empty passes on those of its own parents.
 */
export async function withForeignMarks(
  loaded: LoadedState,
  from: { readonly states: PagedStates; readonly shape: StreamShape },
  { shard, signal }: { readonly shard: Shard; readonly signal: AbortSignal },
): Promise<LoadedState> {
  const { states, shape } = from;
  const { state } = loaded;
  if (state.foreign !== undefined) {
    const pages = await states.loadPages(shardKey(shape, shard.id), foreignPageNames(state.foreign), signal);
    const marks = foreignMarks(pages.flatMap((page) => page.marks.map(asMark)));
    const changed = new Set(pages.filter(({ isElsewhere }) => isElsewhere).map(({ page }) => Number(page)));
    return { ...loaded, state: { ...state, foreign: { ...state.foreign, marks, changed } } };
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
  const { states, shape } = from;
  const found: Parent[] = [];
  for (const id of parents) {
    const key = shardKey(shape, id);
    const stored = await states.load(key, signal);
    const known = shape.shards.find((shard) => shard.id === id);
    if (stored !== undefined) {
      const { marks: ranges, foreign } = decodeState(stored.state);
      const pages = foreign === undefined ? [] : await states.loadPages(key, foreignPageNames(foreign), signal);
      found.push({ ranges, marks: pages.flatMap(({ marks }) => marks.map(asMark)) });
    } else if (known !== undefined) found.push(...(await parentsOf(from, known, signal)));
  }
  return found;
}

function asStored({ source, from, sequence, seenMillis }: ForeignMark): PageMark {
  return [source, from.toString(16), String(sequence), seenMillis];
}

function asMark([source, from, sequence, seenMillis]: PageMark): ForeignMark {
  return { source, from: BigInt(`0x${from}`), sequence: BigInt(sequence), seenMillis: seenMillis ?? 0 };
}

/** Names a page of foreign marks, with two digits. */
function pageId(page: number): string {
  return String(page).padStart(String(PAGES).length, '0');
}
