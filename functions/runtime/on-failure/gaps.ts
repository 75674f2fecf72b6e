import { z } from 'zod';
import type { Input, ShardInput } from '../batches/shard-input.ts';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote } from '../checkpoints/note.ts';
import { type Position, positionOf, START_OF_SHARD } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { Step } from '../step.ts';

/**
 * Lambda gives up on a record that is too old, stores it in a document, and goes on with the next one. The step is not
 * told: its position passes what it never had, and nobody can say any more whether it did what a document holds. So a
 * step says where it may have missed something, before its position passes there. After the position, Lambda can have
 * given up only on what arrived after the position's own record; while that is younger than anything that is given up,
 * nothing is missing, and nothing is written. A shard that was idle for long has gaps with nothing in them.
 */
export async function noteGap(
  step: Step,
  input: Input,
  on: { readonly shard: ShardInput; readonly first: LogRecord; readonly signal: AbortSignal },
): Promise<void> {
  const { shard, first, signal } = on;
  const { position = START_OF_SHARD, arrivedMillis } = shard.loaded.state;
  const to = positionOf(first.sequenceNumber, 0);
  if (to <= position) return;
  const notOlderThan = arrivedMillis ?? (await input.shape(signal)).createdMillis;
  const now = step.now();
  if (now - notOlderThan < YOUNGEST_GIVEN_UP_MILLIS) return;
  const note = gapsNote(shard.key);
  const { revision: previous, value: gaps = [] } = await loadNote(step.checkpoints, note, signal);
  if (gaps.some((gap) => gap.from === position && gap.to >= to)) return;
  const others = gaps.filter((gap) => gap.from !== position && now - gap.notedMillis < GAPS_KEPT_MILLIS);
  const value = [...others, { from: position, to, notedMillis: now }];
  await saveNote(step.checkpoints, note, { previous, value, signal });
}

/** Less than the maximum record age of any mapping of ours (infra/delivery.ts), by more than clocks differ. */
export const YOUNGEST_GIVEN_UP_MILLIS = 19 * 3_600_000;

/** A document that is older than this is judged without them. */
export const GAPS_KEPT_MILLIS = 30 * 24 * 3_600_000;

const Gaps = z.array(
  z.object({
    from: z.string().transform((text) => text as Position),
    to: z.string().transform((text) => text as Position),
    notedMillis: z.number(),
  }),
);

/** Where a step may have missed records: after one position, before the other. */
export type Gap = Readonly<z.infer<typeof Gaps>[number]>;

export async function loadGaps(
  checkpoints: Pick<Checkpoints, 'load'>,
  shard: string,
  signal: AbortSignal,
): Promise<readonly Gap[]> {
  return (await loadNote(checkpoints, gapsNote(shard), signal)).value ?? [];
}

function gapsNote(shard: string): Note<readonly Gap[]> {
  return jsonNote(`gaps/${shard}`, Gaps);
}
