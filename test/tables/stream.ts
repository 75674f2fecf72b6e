import { z } from 'zod';
import type { Random } from '../infra/sql/random.ts';
import { event, type GivenEvent } from '../kit/given-events.ts';

/** The data of the events that the queries read: few values of each column, so that groups meet. */
export const Fact = z.object({
  k: z.string(),
  g: z.string().nullable(),
  n: z.int32(),
  b: z.int().nullable(),
  d: z.number().nullable(),
  f: z.float64(),
  t: z.string().nullable(),
  at: z.iso.datetime(),
  ok: z.boolean().nullable(),
  day: z.iso.date(),
  tags: z.array(z.string()),
});

/** The same columns in Postgres. */
export const COLUMNS =
  'k text, g text, n integer, b bigint, d numeric, f float8, t text, at timestamptz, ok boolean, day date, tags text[]';

export const KEYS = ['a', 'b', 'c', 'd'] as const;

/** Makes a random event; with `now`, a time in milliseconds, it is dated near that time: early, on time or late. */
export function randomFact(random: Random, now?: number): GivenEvent<z.input<typeof Fact>> {
  const { pick } = random;
  const k = pick(KEYS);
  return event({
    key: k,
    type: pick(['kept', 'other']),
    time: now === undefined ? `2026-01-0${1 + random.below(4)}T0${random.below(3)}:00:00Z` : timeNear(random, now),
    data: {
      k,
      g: pick(['x', 'y', '', null]),
      n: pick([1, 2, 3, -1, 0, 5, 7, 1_500_000]),
      b: pick([10, -10, 9_007_199_254_740_991, null]),
      d: pick([0.1, 0.25, -2.5, 1e15, null]),
      f: pick([0.1, 0.2, 1e100, -0.5]),
      t: pick(['one', 'two', 'é', '', null]),
      at: `2026-01-0${1 + random.below(4)}T00:00:0${random.below(3)}Z`,
      ok: pick([true, false, null]),
      day: pick(['2026-01-31', '2026-02-01']),
      tags: pick([[], ['p'], ['p', 'q'], ['q', 'q']]),
    },
  });
}

/** Most are up to some minutes old, some are ahead, and few so far ahead that a table with windows refuses them. */
function timeNear(random: Random, now: number): string {
  if (random.chance(0.04)) return random.pick(['9999-12-31T23:59:59Z', new Date(now + 600_000).toISOString()]);
  const step = 10_000;
  const ahead = random.chance(0.15) ? 1 + random.below(6) : -random.below(24);
  return new Date((Math.floor(now / step) + ahead) * step).toISOString();
}
