import { isPosition, type Position } from '../../../runtime/position.ts';

/** What the name of a file says about it. */
export interface NamedFile {
  /** Set for a file of a slice: whose, and where the slice ends. Undefined: a file that was merged of others. */
  readonly slice: { readonly shard: string; readonly to: Position } | undefined;
  /** `.ndjson.gz`: files with one ending can be merged. */
  readonly ending: string;
}

/** Reads the name of a file of the lake. Undefined: another program has put it there. */
export function readName(name: string): NamedFile | undefined {
  const [, shard = '', to = '', ending] = SLICE.exec(name) ?? [];
  if (ending !== undefined && isPosition(to)) return { slice: { shard: shardOf(shard), to }, ending };
  const [, ofMerged] = MERGED.exec(name) ?? [];
  return ofMerged === undefined ? undefined : { slice: undefined, ending: ofMerged };
}

/** Makes a name that no file has had: plans are counted, and a table that is restored counts from an earlier number. */
export function mergedName(plan: number, unique: string, ending: string): string {
  return `merged-${String(plan).padStart(PLAN_WIDTH, '0')}-${unique}${ending}`;
}

const PLAN_WIDTH = 12;
const ENDING = String.raw`(\.ndjson(?:\.gz|\.zst)?|\.parquet)`;
const SLICE = new RegExp(String.raw`^slice-(.+)\.[\w-]+\.([\w-]+)\.\d+${ENDING}$`);
const MERGED = new RegExp(String.raw`^merged-\d+-[0-9a-f]+${ENDING}$`);

/** Returns a shard's name. In the names of files, its slash is a hyphen; the id of a shard has a form of its own. */
function shardOf(text: string): string {
  return text.replace(/-(shardId-\d+)$/, '/$1');
}
