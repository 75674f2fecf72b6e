import { z } from 'zod';
import type { LakeStore, StoredFile } from '../../../functions/sinks/s3/compaction/store.ts';
import type { S3Options } from '../../../functions/sinks/s3/options.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { checkpointsOf, type Target } from '../target.ts';
import type { RowOrder } from './stored-rows.ts';

/** A file of the lake whose rows count. */
export interface LakeFile {
  readonly key: string;
  readonly bytes: number;
  readonly isParquet: boolean;
  /** The order of its rows among those of other files, without their place in the file. */
  readonly order: Omit<RowOrder, 'at'>;
  /** The number of the file in its slice and folder. */
  readonly number: string;
}

interface Listing {
  readonly step: SinkPlan;
  readonly options: Pick<S3Options, 'prefix'>;
  readonly store: LakeStore;
  readonly target: Target;
  readonly signal: AbortSignal;
}

/**
 * Lists the files of a sink. While files are merged, some events are in two of them: then either the inputs of the
 * merge count or its output.
 *
 * The order of these steps matters. Compaction writes the output, then a manifest of what the output replaces, and then
 * ends its plan. So an output in the listing whose plan still stands has no manifest for certain, and another one whose
 * inputs are still there has one.
 */
export async function listLake({ step, options, store, target, signal }: Listing): Promise<readonly LakeFile[]> {
  const { prefix } = options;
  const listed: StoredFile[] = [];
  for await (const file of store.list(`${prefix}/`)) listed.push(file);
  const plan = await openPlan(step, target, signal);
  const replaced = await replacedBy(store, prefix, new Set(listed.map(({ key }) => nameOf(key))));
  const unfinished = plan && !replaced.outputs.has(plan.output) ? `${prefix}/${plan.folder}/${plan.output}` : undefined;
  return listed.flatMap((file) => {
    if (replaced.inputs.has(file.key) || file.key === unfinished) return [];
    const order = orderOf(file.key);
    if (order === undefined) return [];
    const { number, ...rest } = order;
    return [{ key: file.key, bytes: file.bytes, isParquet: file.key.endsWith('.parquet'), order: rest, number }];
  });
}

const nameOf = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

const Kept = z.object({ plan: z.object({ folder: z.string(), output: z.string() }).optional() });

/** Returns the merge that is under way. */
async function openPlan(step: SinkPlan, target: Target, signal: AbortSignal): Promise<z.infer<typeof Kept>['plan']> {
  const stored = await checkpointsOf(step, target).load('tidying', signal);
  return stored === undefined ? undefined : Kept.parse(JSON.parse(stored.state)).plan;
}

const Manifest = z.object({ replaced: z.array(z.string()) });

/** Reads which files are replaced by files that are listed. */
async function replacedBy(
  store: LakeStore,
  prefix: string,
  names: ReadonlySet<string>,
): Promise<{ readonly inputs: ReadonlySet<string>; readonly outputs: ReadonlySet<string> }> {
  const [inputs, outputs] = [new Set<string>(), new Set<string>()];
  for await (const { key } of store.list(`compacted/${prefix}/`)) {
    const output = nameOf(key).replace(/\.json$/, '');
    if (!names.has(output)) continue;
    const text = await store.get(key);
    if (text === undefined) continue;
    outputs.add(output);
    for (const input of Manifest.parse(JSON.parse(text.toString())).replaced) inputs.add(input);
  }
  return { inputs, outputs };
}

const SLICE = /^(slice-.+\.([\w-]{36})\.([\w-]{36}))\.(\d+)\.(?:ndjson(?:\.gz|\.zst)?|parquet)$/;
const MERGED = /^merged-\d+-[0-9a-f]+\.(?:ndjson(?:\.gz|\.zst)?|parquet)$/;

/** Reads from a key which events its file has. Undefined: another program has put it there. */
function orderOf(key: string): (Omit<RowOrder, 'at'> & { readonly number: string }) | undefined {
  const name = nameOf(key);
  const folder = key.slice(0, -name.length);
  const [, slice, from, to, number] = SLICE.exec(name) ?? [];
  if (slice !== undefined && from !== undefined && to !== undefined && number !== undefined)
    return { group: `${folder}${slice}`, from, to, number };
  // A merged file does not say which slices it was made of.
  return MERGED.test(name) ? { group: key, from: '', to: '~', number: '' } : undefined;
}

/** Returns where a row of a file is in the order of all rows. */
export function placeIn({ order, number }: LakeFile, line: number): RowOrder {
  return { ...order, at: `${number}/${String(line).padStart(LINE_WIDTH, '0')}` };
}

const LINE_WIDTH = 12;
