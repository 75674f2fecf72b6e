import { z } from 'zod';
import type { Checkpoints } from '../checkpoints/checkpoints.ts';
import { StaleCheckpoint } from '../errors.ts';
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
  for (;;) {
    const { revision, delivered } = await load(checkpoints, key, signal);
    if ((delivered.closed ?? 0) >= rewind) return false;
    if (delivered.end !== undefined && delivered.end >= end) return true;
    if (await save(checkpoints, { key, revision, delivered: { ...delivered, end }, signal })) return true;
  }
}

/** From now on no batch is acknowledged in this rewind. Resolves to the end of those that were. */
export async function closeDelivered(
  checkpoints: Checkpoints,
  { key, rewind, signal }: OfRewind,
): Promise<Position | undefined> {
  for (;;) {
    const { revision, delivered } = await load(checkpoints, key, signal);
    if ((delivered.closed ?? 0) >= rewind) return delivered.end;
    if (await save(checkpoints, { key, revision, delivered: { ...delivered, closed: rewind }, signal }))
      return delivered.end;
  }
}

async function load(checkpoints: Checkpoints, key: string, signal: AbortSignal) {
  const stored = await checkpoints.load(deliveredKey(key), signal);
  return stored === undefined
    ? { revision: 0, delivered: {} as Delivered }
    : { revision: stored.revision, delivered: Text.parse(JSON.parse(stored.state)) };
}

/** False when somebody else has moved it. */
async function save(
  checkpoints: Checkpoints,
  of: {
    readonly key: string;
    readonly revision: number;
    readonly delivered: Delivered;
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const { key, revision, delivered, signal } = of;
  try {
    await checkpoints.save({
      key: deliveredKey(key),
      previous: revision,
      revision: revision + 1,
      state: JSON.stringify(delivered),
      signal,
    });
    return true;
  } catch (error) {
    if (!(error instanceof StaleCheckpoint)) throw error;
    return false;
  }
}

function deliveredKey(key: string): string {
  return `delivered/${key}`;
}
