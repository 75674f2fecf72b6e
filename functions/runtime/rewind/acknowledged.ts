import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, type Note, updateNote } from '../checkpoints/note.ts';
import type { Position } from '../position.ts';

/**
 * While a shard is rewound, its mapping's batches are acknowledged without being processed. This note of the shard
 * keeps the end of the furthest of them. The end never goes back: a step that is rewound again before it has caught up
 * still has to get this far.
 */
const Text = z.lazy(() =>
  z.object({
    end: z
      .string()
      .transform((text) => text as Position)
      .exactOptional(),
    /** The number of the rewind that closed the note. In that rewind no further batch is acknowledged unprocessed. */
    closed: z.number().exactOptional(),
  }),
);

export type Acknowledged = Readonly<z.infer<typeof Text>>;

interface ShardOfRewind {
  readonly key: string;
  /** The number of the step's rewind. */
  readonly rewind: number;
  readonly signal: AbortSignal;
}

/**
 * Notes the end of a batch, and resolves to true when the batch may be acknowledged. False: the rewind has caught up,
 * and the mapping has to redeliver the batch.
 */
export async function noteAcknowledged(
  checkpoints: Checkpoints,
  { key, rewind, end, signal }: ShardOfRewind & { readonly end: Position },
): Promise<boolean> {
  const { value } = await updateNote(checkpoints, acknowledgedNote(key), {
    change: (delivered = {}) =>
      isClosed(delivered, rewind) || (delivered.end !== undefined && delivered.end >= end)
        ? undefined
        : { ...delivered, end },
    signal,
  });
  return !isClosed(value, rewind);
}

/**
 * Closes the note. This stops acknowledging: from then on the mapping has to redeliver. Resolves to the end of the last
 * batch that was acknowledged.
 */
export async function closeAcknowledged(
  checkpoints: Checkpoints,
  { key, rewind, signal }: ShardOfRewind,
): Promise<Position | undefined> {
  const { value } = await updateNote(checkpoints, acknowledgedNote(key), {
    change: (delivered = {}) => (isClosed(delivered, rewind) ? undefined : { ...delivered, closed: rewind }),
    signal,
  });
  return value?.end;
}

function isClosed(delivered: Acknowledged | undefined, rewind: number): boolean {
  return (delivered?.closed ?? 0) >= rewind;
}

function acknowledgedNote(key: string): Note<Acknowledged> {
  return jsonNote(`delivered/${key}`, Text);
}
