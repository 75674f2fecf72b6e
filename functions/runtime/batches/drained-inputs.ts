import { openInputs } from '../checkpoints/marks.ts';
import { saveState } from '../checkpoints/shard-states.ts';
import { decodeState } from '../checkpoints/step-state.ts';
import { hasEnded } from '../outbox/highest.ts';
import type { Step } from '../step.ts';
import type { Batch } from './batch.ts';
import type { ShardInput } from './shard-input.ts';

/**
 * Writes into the checkpoints of a shard's parents that the parents are drained: closed, and read to their ends. Lambda
 * reads a child only after that. Call this before the first outputs made from the shard are appended: when readers
 * downstream see these outputs, they look here, and the marks of the parents can end.
 */
export async function endParents(step: Step, shard: ShardInput, signal: AbortSignal): Promise<void> {
  if (shard.loaded.revision > 0) return;
  const { checkpoints, now } = step;
  for (const key of shard.parents) {
    const stored = await checkpoints.load(key, signal);
    // An empty parent has no checkpoint.
    if (stored === undefined) continue;
    const state = decodeState(stored.state);
    // A parent that is being rewound writes this itself, when it reaches its end again.
    if (state.ended === true || state.rewind !== undefined) continue;
    const from = { revision: stored.revision, state };
    await saveState(checkpoints, key, { from, to: { ...state, ended: true }, nowMillis: now(), signal });
  }
}

/**
 * Ends the marks that a batch has made unnecessary. An event from a new shard of a step upstream is the occasion to ask
 * that step's checkpoints which of its other shards it has drained: their marks end. The marks of a step that no longer
 * writes into the stream end as well.
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
  for (const input of all) {
    if (!prefixes.some((prefix) => input.startsWith(prefix))) batch.end(input);
    else if (before.has(input) && appeared.includes(stepOf(input)) && (await isDrained(step, input, signal)))
      batch.end(input);
  }
}

/**
 * Matches an input, which is a `source` attribute without its generation, of a step that reads a stream:
 * `<pipeline>/<step>` and `<stream's incarnation>/<shard>`. The input of a lane has one part less.
 */
const SHARD_INPUT = /^\/([^/]+\/[^/]+)\/([^/]+\/[^/]+)$/;

function stepOf(input: string): string | undefined {
  return SHARD_INPUT.exec(input)?.[1];
}

async function isDrained(step: Step, input: string, signal: AbortSignal): Promise<boolean> {
  const [, upstream, key] = SHARD_INPUT.exec(input) ?? [];
  if (upstream === undefined || key === undefined) return false;
  const checkpoints = step.checkpointsOf(upstream);
  const stored = await checkpoints.load(key, signal);
  // A table keeps its states elsewhere, and a note here.
  return stored === undefined ? hasEnded(checkpoints, key, signal) : decodeState(stored.state).ended === true;
}
