import { z } from 'zod';
import type { Tidying } from '../../../runtime/sink.ts';
import { inputKeysOf, isReplaced, sweep, writeManifest } from './manifests.ts';
import { type Plan, plansOf } from './plan.ts';
import type { LakeStore } from './store.ts';

/** What a step remembers of its compaction, as one text that moves by compare-and-set. */
const Kept = z.object({
  /** Counts the plans. */
  plans: z.number(),
  /** When all folders were last looked at, in milliseconds since 1970. */
  lastMillis: z.number(),
  /** The plan that is being carried out. It is fixed before its first byte is read. */
  plan: z.object({ folder: z.string(), inputs: z.array(z.string()).readonly(), output: z.string() }).optional(),
});

type Kept = z.infer<typeof Kept>;

export interface Compaction {
  readonly store: LakeStore;
  readonly prefix: string;
  /** How often folders are looked at. */
  readonly everyMillis: number;
  /** Makes one file of the contents of several, in their order. All have the ending. */
  merge(contents: readonly Buffer[], ending: string): Promise<Buffer>;
}

/** For so long, a process that was late may put a file back: two invocations. */
const SETTLING_MILLIS = 30 * 60_000;

/**
 * Merges the small files of each folder, when that is due.
 *
 * One plan at a time: its inputs and the name of its output, which no file has had, are fixed by compare-and-set. Then
 * come the output, a manifest that names what the output replaces, the deletion of the inputs, and the end of the plan.
 * A process that dies leaves the plan to the next, which begins where it stopped; two processes that do the same do no
 * harm. Every run first deletes what manifests name.
 */
export async function compact(tidying: Tidying, compaction: Compaction): Promise<void> {
  const { store, prefix, everyMillis } = compaction;
  const begunMillis = tidying.now();
  let kept = await load(tidying);
  const isDue = begunMillis >= kept.value.lastMillis + everyMillis;
  const isSettling = begunMillis < kept.value.lastMillis + SETTLING_MILLIS;
  if (!isDue && !isSettling && kept.value.plan === undefined) return;
  const save = async (value: Kept): Promise<boolean> => {
    if (!(await tidying.keep(kept.revision, JSON.stringify(value)))) return false;
    kept = { revision: kept.revision + 1, value };
    return true;
  };
  // Of every plan that was closed when `kept` was loaded. Whoever closes another one makes the next save here fail.
  const replaced = new Set(await sweep(store, prefix, begunMillis));
  const finish = async (plan: Plan): Promise<boolean> => {
    await carryOut(compaction, plan);
    for (const key of inputKeysOf(prefix, plan)) replaced.add(key);
    return save({ ...kept.value, plan: undefined });
  };

  const { plan: left } = kept.value;
  if (left !== undefined && !(await finish(left))) return;
  if (!isDue) return;
  const planning = { store, prefix, replaced, committed: (shard: string) => tidying.committed(shard) };
  for await (const plan of plansOf(planning, () => kept.value.plans)) {
    if (tidying.now() >= tidying.untilMillis) return;
    if (!(await save({ ...kept.value, plans: kept.value.plans + 1, plan }))) return;
    if (!(await finish(plan))) return;
  }
  await save({ ...kept.value, lastMillis: begunMillis });
}

interface Loaded {
  readonly revision: number;
  readonly value: Kept;
}

async function load(tidying: Tidying): Promise<Loaded> {
  const stored = await tidying.load();
  if (stored === undefined) return { revision: 0, value: { plans: 0, lastMillis: 0 } };
  return { revision: stored.revision, value: Kept.parse(JSON.parse(stored.text)) };
}

async function carryOut({ store, prefix, merge }: Compaction, plan: Plan): Promise<void> {
  const inputs = inputKeysOf(prefix, plan);
  if (!(await isReplaced(store, prefix, plan))) {
    const contents: Buffer[] = [];
    for (const key of inputs) {
      const content = await store.get(key);
      if (content !== undefined) {
        contents.push(content);
        continue;
      }
      // Another process that carries out the same plan may have come to its end.
      if (await isReplaced(store, prefix, plan)) break;
      throw new Error(
        `${key} is gone, which compaction was about to merge into ${plan.output}: somebody else has deleted it; put it back, from a version of the object or a copy`,
      );
    }
    if (contents.length === inputs.length) {
      await store.put(`${prefix}/${plan.folder}/${plan.output}`, await merge(contents, endingOf(plan)));
      await writeManifest(store, prefix, plan);
    }
  }
  await store.delete(inputs);
}

const endingOf = ({ output }: Plan): string => output.slice(output.indexOf('.'));
