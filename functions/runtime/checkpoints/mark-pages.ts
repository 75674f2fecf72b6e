import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Checkpoints } from './checkpoints.ts';
import { jsonNote, loadNote, type Note, type StoredNote, updateNote } from './note.ts';

/**
 * A mark as it is stored in a page: its source, the first hash of its range in hexadecimal, its sequence, and the times
 * at which its source was last seen and has ended.
 */
const PageMark = z.lazy(() =>
  z.tuple([z.string(), z.string(), z.string(), z.number().nullable(), z.number().optional()]),
);
export type PageMark = Readonly<z.infer<typeof PageMark>>;

/** A page of marks as a state names it: one version of the page. A version never changes. */
export interface PageName {
  readonly page: string;
  readonly version: string;
}

export interface MarkPage extends PageName {
  readonly marks: readonly PageMark[];
  /** Set on a page that is stored, but no longer where the step keeps its pages. */
  readonly isElsewhere?: true;
}

/** Loads the pages that a state of a shard names. Rejects when one of these versions is missing. */
export type LoadPages = (
  shard: string,
  names: readonly PageName[],
  signal: AbortSignal,
) => Promise<readonly MarkPage[]>;

/**
 * Pages of marks in the checkpoint table. A page has several versions, and the step's state names the one that counts.
 * So pages and position move at once, by the compare-and-set of the state. A page is stored before its state. Another
 * invocation at the same state may have stored a version of its own, and its commit may be the one that succeeds. So a
 * store deletes only versions that were made of an older state: no commit that names them can succeed any more.
 */
export interface MarkPages {
  readonly load: LoadPages;
  /** Stores pages that were made of the state at revision `of`. `committed`: those that this state names of them. */
  store(
    shard: string,
    pages: readonly MarkPage[],
    to: { readonly of: number; readonly committed: readonly PageName[]; readonly signal: AbortSignal },
  ): Promise<void>;
}

/**
 * Makes the version of a page that follows the state at a revision. A retry that moves the marks in the same way makes
 * the same version, so retries do not fill the page.
 */
export function pageOfMarks(page: string, marks: readonly PageMark[], revision: number): MarkPage {
  const sorted = [...marks].sort((one, other) => (one[0] + one[1] < other[0] + other[1] ? -1 : 1));
  const hash = createHash('sha256').update(JSON.stringify(sorted)).digest('base64url').slice(0, 12);
  return { page, version: `${revision}-${hash}`, marks: sorted };
}

const Version = z.lazy(() =>
  z.object({
    name: z.string(),
    /** The revision of the state that the version was made of. */
    of: z.number(),
    marks: z.array(PageMark),
  }),
);
const Page = z.lazy(() => z.array(Version));
type Version = z.infer<typeof Version>;

/**
 * The most versions of a page: one item of the table holds all of them, and has 400 KB at most. The oldest goes first.
 * So many are there only when processes kept dying between storing a page and moving the state, each with another
 * batch.
 */
const MOST_VERSIONS = 8;

export function openMarkPages(checkpoints: Checkpoints): MarkPages {
  /** The pages as this process last saw them. A version never changes. */
  const seen = new Map<string, StoredNote<readonly Version[]>>();

  async function loadPage(shard: string, { page, version: name }: PageName, signal: AbortSignal): Promise<MarkPage> {
    const note = pageNote(shard, page);
    const versionIn = (versions: readonly Version[] | undefined) => versions?.find((version) => version.name === name);
    const found = versionIn(seen.get(note.key)?.value) ?? versionIn(await read(note, signal));
    if (found === undefined)
      throw new Error(`page ${page} of the marks of '${shard}' has no version '${name}', which its state names`);
    return { page, version: name, marks: found.marks };
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
      change(versions = []) {
        // A retry has stored it already.
        if (versions.some(({ name }) => name === version.name)) return undefined;
        const counts = versions.find(({ name }) => name === committed);
        const others = versions.filter((other) => other !== counts);
        const inFlight = others.filter(({ of }) => of >= version.of).slice(2 - MOST_VERSIONS);
        return [...(counts === undefined ? [] : [counts]), ...inFlight, version];
      },
      signal,
    });
    seen.set(note.key, { revision, value });
  }

  return {
    load: (shard, names, signal) => Promise.all(names.map((name) => loadPage(shard, name, signal))),
    async store(shard, pages, { of, committed, signal }) {
      const counting = new Map(committed.map(({ page, version }) => [page, version]));
      await Promise.all(
        pages.map(({ page, version, marks }) =>
          storePage(
            pageNote(shard, page),
            { name: version, of, marks: [...marks] as Version['marks'] },
            { committed: counting.get(page), signal },
          ),
        ),
      );
    },
  };
}

/** Describes the note of a page, below the name of the shard. Deployed steps have such notes. */
function pageNote(shard: string, page: string): Note<readonly Version[]> {
  return jsonNote(`marks/${shard}/${page}`, Page);
}

const PageText = z.lazy(() => z.object({ version: z.string(), marks: z.array(PageMark) }));

/** Encodes a page for a sink that keeps it with its rows. */
export function encodePage({ version, marks }: MarkPage): string {
  return JSON.stringify({ version, marks });
}

/**
 * Loads pages that a sink keeps with its rows. Pages that are not there are where earlier versions of Millrace kept
 * them: in the checkpoint table.
 */
export function pagesWithRows(
  load: (shard: string, signal: AbortSignal) => Promise<ReadonlyMap<string, string>>,
  inTable: LoadPages,
): LoadPages {
  return async (shard, names, signal) => {
    if (names.length === 0) return [];
    const texts = await load(shard, signal);
    const found = names.flatMap(({ page, version }): MarkPage[] => {
      const text = texts.get(page);
      if (text === undefined) return [];
      const stored = PageText.parse(JSON.parse(text));
      if (stored.version === version) return [{ page, version, marks: stored.marks }];
      throw new Error(`another invocation has moved '${shard}' while its marks were loaded`);
    });
    const missing = names.filter(({ page }) => !texts.has(page));
    const before = await inTable(shard, missing, signal);
    return [...found, ...before.map((page): MarkPage => ({ ...page, isElsewhere: true }))];
  };
}
