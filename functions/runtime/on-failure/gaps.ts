import { z } from 'zod';
import type { Input, ShardInput } from '../batches/shard-input.ts';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, loadNote, type Note, saveNote } from '../checkpoints/note.ts';
import { endOfRecord, type Position, positionOf, START_OF_SHARD } from '../position.ts';
import type { LogRecord } from '../record-codec/record.ts';
import type { Step } from '../step.ts';

/**
 * Notes where a step may have missed records, before its position passes them.
 *
 * A mapping of an earlier version had a maximum record age: Lambda discards a record that is older, stores it in a
 * document, and goes on with the next record. It does not tell the step. So the position moves past records that the
 * step never received, and later nothing shows whether a record in the document was processed. Lambda can have
 * discarded only records that arrived after the record of the step's position. While that record is younger than
 * anything Lambda discards, nothing is missing, and nothing is noted. A shard that was idle for long has gaps without
 * records in them.
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
  if (now - notOlderThan < YOUNGEST_DISCARDED_MILLIS) return;
  const note = gapsNote(shard.key);
  const { revision: previous, value: gaps = [] } = await loadNote(step.checkpoints, note, signal);
  if (gaps.some((gap) => gap.from === position && gap.to >= to)) return;
  const others = gaps.filter((gap) => gap.from !== position && now - gap.notedMillis < GAPS_KEPT_MILLIS);
  const value = [...others, { from: position, to, notedMillis: now }];
  await saveNote(step.checkpoints, note, { previous, value, signal });
}

/** Less than the maximum record age of any mapping that we ever deployed, by more than clocks may differ. */
export const YOUNGEST_DISCARDED_MILLIS = 19 * 3_600_000;

/** A document that is older than this is judged without gaps. */
export const GAPS_KEPT_MILLIS = 30 * 24 * 3_600_000;

const Gaps = z.lazy(() =>
  z.array(
    z.object({
      from: z.string().transform((text) => text as Position),
      to: z.string().transform((text) => text as Position),
      notedMillis: z.number(),
    }),
  ),
);

/** A range in which a step may have missed records: after one position, before the other. */
export type Gap = Readonly<z.infer<typeof Gaps>[number]>;

/** Tells whether a record, or a part of it, lies in a gap. */
export function isInGap({ sequenceNumber }: Pick<LogRecord, 'sequenceNumber'>, { from, to }: Gap): boolean {
  return endOfRecord(sequenceNumber) > from && positionOf(sequenceNumber, 0) < to;
}

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
