import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { jsonNote, type Note, updateNote } from '../checkpoints/note.ts';
import type { Position } from '../position.ts';

/**
 * How far a shard's mapping has been told that all is done, though the step has not done it: what it delivers while the
 * shard is rewound. Its place is never given up: a step that is rewound again, in the middle, has to get as far.
 */
const Text = z.object({
  end: z
    .string()
    .transform((text) => text as Position)
    .exactOptional(),
  /** The rewind that has closed it: from then on nothing may be acknowledged unprocessed. */
  closed: z.number().exactOptional(),
});

export type Delivered = Readonly<z.infer<typeof Text>>;

interface OfRewind {
  readonly key: string;
  /** Which of the step's rewinds. */
  readonly rewind: number;
  readonly signal: AbortSignal;
}

/**
 * Notes the end of a batch, so that it may be acknowledged. False: the rewind has caught up, and the batch has to come
 * again.
 */
export async function noteDelivered(
  checkpoints: Checkpoints,
  { key, rewind, end, signal }: OfRewind & { readonly end: Position },
): Promise<boolean> {
  const { value } = await updateNote(checkpoints, deliveredNote(key), {
    change: (delivered = {}) =>
      isClosed(delivered, rewind) || (delivered.end !== undefined && delivered.end >= end)
        ? undefined
        : { ...delivered, end },
    signal,
  });
  return !isClosed(value, rewind);
}

/** From now on no batch is acknowledged in this rewind. Resolves to the end of those that were. */
export async function closeDelivered(
  checkpoints: Checkpoints,
  { key, rewind, signal }: OfRewind,
): Promise<Position | undefined> {
  const { value } = await updateNote(checkpoints, deliveredNote(key), {
    change: (delivered = {}) => (isClosed(delivered, rewind) ? undefined : { ...delivered, closed: rewind }),
    signal,
  });
  return value?.end;
}

function isClosed(delivered: Delivered | undefined, rewind: number): boolean {
  return (delivered?.closed ?? 0) >= rewind;
}

function deliveredNote(key: string): Note<Delivered> {
  return jsonNote(`delivered/${key}`, Text);
}
