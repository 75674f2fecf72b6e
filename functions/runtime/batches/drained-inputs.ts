import { endInput, openInputs } from '../checkpoints/marks.ts';
import { saveState } from '../checkpoints/shard-states.ts';
import { decodeState } from '../checkpoints/step-state.ts';
import type { Step } from '../step.ts';
import type { Batch } from './batch.ts';
import type { ShardInput } from './shard-input.ts';

/**
 * Says in the checkpoints of a shard's parents that they are drained, before the first events of the shard are
 * appended: Lambda reads a child only when its parents are done. Readers downstream then need no marks for the parents
 * any more.
 */
export async function endParents(step: Step, shard: ShardInput, signal: AbortSignal): Promise<void> {
  if (shard.loaded.revision > 0) return;
  const { checkpoints, now } = step;
  for (const key of shard.parents) {
    const stored = await checkpoints.load(key, signal);
    // One that was empty has none.
    if (stored === undefined) continue;
    const state = decodeState(stored.state);
    // One that is rewound says so itself, when it is through again.
    if (state.ended === true || state.rewind !== undefined) continue;
    const from = { revision: stored.revision, state };
    await saveState(checkpoints, key, { from, to: { ...state, ended: true }, nowMillis: now(), signal });
  }
}

/**
 * Finds the marks that a batch has made needless: where a step upstream is seen to read a shard that was not read
 * before, its checkpoints tell which shards it has drained. What can no longer come at all, because nobody writes it
 * into the stream any more, has ended too.
 */
export async function endDrainedInputs(
  step: Step,
  { batch, shard }: { readonly batch: Batch; readonly shard: Pick<ShardInput, 'loaded' | 'facts'> },
  signal: AbortSignal,
): Promise<void> {
  const before = openInputs(shard.loaded.state.marks);
  const all = [...openInputs(batch.marks)];
  const appeared = all.filter((input) => !before.has(input)).map(stepOf);
  const prefixes = [...shard.facts.own, `/${step.name}/`];
  const end = (input: string): void => endInput(batch.marks, input, batch.arrivalMillis);
  for (const input of all) {
    if (!prefixes.some((prefix) => input.startsWith(prefix))) end(input);
    else if (before.has(input) && appeared.includes(stepOf(input)) && (await isDrained(step, input, signal)))
      end(input);
  }
}

/**
 * `<pipeline>/<step>` and `<stream's incarnation>/<shard>`: of a step that reads a stream. Lanes have one part less.
 */
const SHARD_INPUT = /^\/([^/]+\/[^/]+)\/([^/]+\/[^/]+)$/;

function stepOf(input: string): string | undefined {
  return SHARD_INPUT.exec(input)?.[1];
}

async function isDrained(step: Step, input: string, signal: AbortSignal): Promise<boolean> {
  const [, upstream, key] = SHARD_INPUT.exec(input) ?? [];
  if (upstream === undefined || key === undefined) return false;
  const stored = await step.checkpointsOf(upstream).load(key, signal);
  return stored !== undefined && decodeState(stored.state).ended === true;
}
