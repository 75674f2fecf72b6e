import { z } from 'zod';

/**
 * What an operator's command asks a step's function, instead of a batch or a run. `positions`: where it stands in each
 * shard, for it can reach its states wherever they are. `pull`: to go on with its rewind. `replay`: to go on with one
 * of its replays.
 */
export const OperatorRequest = z.discriminatedUnion('millrace', [
  z.strictObject({ millrace: z.literal('positions') }),
  z.strictObject({ millrace: z.literal('pull'), delivery: z.enum(['continuous', 'scheduled']) }),
  z.strictObject({ millrace: z.literal('replay'), id: z.string() }),
]);
export type OperatorRequest = z.infer<typeof OperatorRequest>;

/** Where the step is in a shard. */
const ShardAnswer = z.object({
  shard: z.string(),
  /** The record that it is in or just after. */
  sequenceNumber: z.string().optional(),
  ended: z.boolean(),
  /** What it is doing there, when it is being rewound or replayed. */
  phase: z.enum(['settling', 'passing', 'reading']).optional(),
});
export type ShardAnswer = z.infer<typeof ShardAnswer>;

export const OperatorAnswer = z.object({
  shards: z.array(ShardAnswer),
  /** Nothing more has to be pulled. */
  done: z.boolean(),
  /** The step is paused, and pulls nothing. */
  paused: z.boolean(),
  /** Of this call: events worked on, and when the last record arrived, by shard. */
  events: z.number(),
  reached: z.record(z.string(), z.number()),
});
export type OperatorAnswer = z.infer<typeof OperatorAnswer>;
