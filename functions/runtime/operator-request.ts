import { z } from 'zod';

/**
 * A request that an operator's command sends to a step's function, in place of a batch or a scheduled run. `positions`:
 * answer with the step's position in each shard, because only the function can reach its states wherever they are
 * stored. `pull`: continue the step's rewind (the name is part of the wire format). `replay`: continue one replay.
 * `rebuild`: make a table again.
 */
export const OperatorRequest = z.lazy(() =>
  z.discriminatedUnion('millrace', [
    z.strictObject({ millrace: z.literal('positions') }),
    z.strictObject({ millrace: z.literal('pull'), delivery: z.enum(['continuous', 'scheduled']) }),
    z.strictObject({ millrace: z.literal('replay'), id: z.string() }),
    z.strictObject({ millrace: z.literal('rebuild'), id: z.string() }),
  ]),
);
export type OperatorRequest = z.infer<typeof OperatorRequest>;

/** A step's position in one shard. */
const ShardAnswer = z.lazy(() =>
  z.object({
    shard: z.string(),
    /** The record that the position is in or just after. */
    sequenceNumber: z.string().optional(),
    ended: z.boolean(),
    /** The phase of the rewind or replay. Omitted when the shard is in neither. */
    phase: z.enum(['settling', 'passing', 'reading']).optional(),
  }),
);
export type ShardAnswer = z.infer<typeof ShardAnswer>;

export const OperatorAnswer = z.lazy(() =>
  z.object({
    shards: z.array(ShardAnswer),
    /** True when no shard has to catch up any more. */
    done: z.boolean(),
    /** True when the step is paused, and so catches up with nothing. */
    paused: z.boolean(),
    /** How many events this call has processed. */
    events: z.number(),
    /** By shard, when the last record that this call has read arrived, in milliseconds since 1970. */
    reached: z.record(z.string(), z.number()),
  }),
);
export type OperatorAnswer = z.infer<typeof OperatorAnswer>;
