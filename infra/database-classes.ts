import { z } from 'zod';

/** Memory of the instance classes that a stage's own database may have, in GiB. */
const MEMORY = {
  'db.t4g.small': 2,
  'db.t4g.medium': 4,
  'db.t4g.large': 8,
  'db.t4g.xlarge': 16,
  'db.m7g.large': 8,
  'db.m7g.xlarge': 16,
  'db.m7g.2xlarge': 32,
  'db.m7g.4xlarge': 64,
  'db.r7g.large': 16,
  'db.r7g.xlarge': 32,
  'db.r7g.2xlarge': 64,
  'db.r7g.4xlarge': 128,
} as const;

export const DatabaseClass = z.enum(Object.keys(MEMORY) as [keyof typeof MEMORY]);
export type DatabaseClass = z.infer<typeof DatabaseClass>;

export const DEFAULT_CLASS: DatabaseClass = 'db.t4g.small';

/**
 * Returns how many connections an instance allows at least. RDS divides its memory by 9,531,392 bytes, and allows 5,000
 * at most; of the memory it takes off what it uses itself, which it does not say: a fifth is more.
 */
export function connectionsOfClass(instance: DatabaseClass): number {
  return Math.min(5_000, Math.floor((0.8 * MEMORY[instance] * 1024 ** 3) / 9_531_392 / 10) * 10);
}
