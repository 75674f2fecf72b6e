import { randomBytes } from 'node:crypto';
import type { Position } from '../../../runtime/position.ts';
import { mergedName, readName } from './lake-files.ts';
import type { LakeStore, StoredFile } from './store.ts';

/** Files of one folder that become one. Names are those in the folder. */
export interface Plan {
  readonly folder: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

/** Fewer files of about one size are left as they are. */
const FEWEST_INPUTS = 8;
const MOST_INPUTS = 500;
/** A function holds the files of a plan in memory, or on its disk. */
const MOST_BYTES = 64 * 1024 * 1024;
/** A file of this size is no small file. */
const LARGE_BYTES = 16 * 1024 * 1024;

export interface Planning {
  readonly store: LakeStore;
  readonly prefix: string;
  /** Files that others replace: a late process may have put them back. */
  readonly replaced: ReadonlySet<string>;
  /** Resolves to the position up to which the slices of a shard are committed: later ones may be written again. */
  committed(shard: string): Promise<Position | undefined>;
}

/**
 * Finds the files to merge, folder by folder. Files of about one size are merged with each other, so that an event is
 * copied once for each size, and not each time that a few more come.
 */
export async function* plansOf(planning: Planning, count: () => number): AsyncGenerator<Plan> {
  const positions = new Map<string, Promise<Position | undefined>>();
  const isFinal = async (name: string): Promise<boolean> => {
    const slice = readName(name)?.slice;
    if (slice === undefined) return true;
    const { shard, to } = slice;
    if (!positions.has(shard)) positions.set(shard, planning.committed(shard));
    const position = await positions.get(shard);
    return position !== undefined && to <= position;
  };
  for await (const { folder, files } of foldersOf(planning)) {
    for (const alike of groupsOf(files)) {
      const final: StoredFile[] = [];
      for (const file of alike) if (await isFinal(nameOf(file))) final.push(file);
      for (const inputs of chunksOf(final)) {
        const names = inputs.map(nameOf);
        const ending = readName(names[0] ?? '')?.ending ?? '';
        yield { folder, inputs: names, output: mergedName(count() + 1, randomBytes(4).toString('hex'), ending) };
      }
    }
  }
}

interface Folder {
  readonly folder: string;
  readonly files: readonly StoredFile[];
}

/** Lists the folders below the prefix, each with the small files that may be merged. Keys come in order. */
async function* foldersOf({ store, prefix, replaced }: Planning): AsyncGenerator<Folder> {
  let folder = '';
  let files: StoredFile[] = [];
  for await (const file of store.list(`${prefix}/`)) {
    const own = file.key.slice(prefix.length + 1, -nameOf(file).length - 1);
    if (own !== folder) {
      if (files.length > 0) yield { folder, files };
      folder = own;
      files = [];
    }
    const isSmall = file.bytes < LARGE_BYTES && !replaced.has(file.key);
    if (isSmall && readName(nameOf(file)) !== undefined) files.push(file);
  }
  if (files.length > 0) yield { folder, files };
}

const nameOf = ({ key }: Pick<StoredFile, 'key'>): string => key.slice(key.lastIndexOf('/') + 1);

/** Groups files by ending and by size: each group has files of up to eight times the bytes of the one before. */
function groupsOf(files: readonly StoredFile[]): Iterable<readonly StoredFile[]> {
  const sizeOf = (bytes: number): number => Math.max(0, Math.ceil(Math.log(bytes / SMALLEST_BYTES) / Math.log(8)));
  return Map.groupBy(files, (file) => `${readName(nameOf(file))?.ending} ${sizeOf(Math.max(1, file.bytes))}`).values();
}

const SMALLEST_BYTES = 64 * 1024;

function chunksOf(files: readonly StoredFile[]): readonly (readonly StoredFile[])[] {
  const chunks: StoredFile[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const file of files) {
    if (bytes + file.bytes > MOST_BYTES || chunks.at(-1)?.length === MOST_INPUTS) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(file);
    bytes += file.bytes;
  }
  return files.length < FEWEST_INPUTS ? [] : chunks.filter(({ length }) => length > 1);
}
