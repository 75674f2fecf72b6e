import type { SinkStep } from '../batches/sink-step.ts';
import { type Note, saveNote } from '../checkpoints/note.ts';
import { decodeState } from '../checkpoints/step-state.ts';
import { StaleCheckpoint } from '../errors.ts';

/** A run of a scheduled sink, after it has written its shards. */
interface Written {
  readonly sink: SinkStep;
  readonly owner: string;
  readonly untilMillis: number;
  readonly lastStartMillis: number;
}

const KEY = 'tidying';

/** The text that the sink keeps. */
const TEXT: Note<string> = { key: KEY, decode: (text) => text, encode: (text) => text };

/**
 * Lets a sink look after its destination, in one run at a time. The lease only saves work: the sink makes sure itself
 * that two processes do no harm.
 */
export async function tidyUnderLease(
  { sink, owner, untilMillis, lastStartMillis }: Written,
  signal: AbortSignal,
): Promise<void> {
  const { step, tidy } = sink;
  const { checkpoints, now } = step;
  if (tidy === undefined || now() >= lastStartMillis || (await step.pause.inForce(signal)) !== undefined) return;
  if (!(await checkpoints.lease({ key: KEY, owner, nowMillis: now(), untilMillis, signal }))) return;
  try {
    await tidy({
      async load() {
        const stored = await checkpoints.load(KEY, signal);
        return stored && { revision: stored.revision, text: stored.state };
      },
      async keep(previous, value) {
        try {
          await saveNote(checkpoints, TEXT, { previous, value, signal });
          return true;
        } catch (error) {
          if (error instanceof StaleCheckpoint) return false;
          throw error;
        }
      },
      async committed(shard) {
        const stored = await sink.states.load(shard, signal);
        return stored && decodeState(stored.state).position;
      },
      now,
      untilMillis: lastStartMillis,
      signal,
    });
  } finally {
    await checkpoints.release({ key: KEY, owner });
  }
}
