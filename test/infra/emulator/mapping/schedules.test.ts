import fc from 'fast-check';
import { expect, test } from 'vitest';
import { controls, type FaultSchedule, outcomes, playSchedule, readFaults } from './fault-schedule.ts';
import { randomSchedule } from './random-schedule.ts';

const faults = fc.record({
  seed: fc.nat(),
  batchSize: fc.integer({ min: 1, max: 10 }),
  windowSeconds: fc.integer({ min: 0, max: 2 }),
  retries: fc.integer({ min: 0, max: 3 }),
  ageSeconds: fc.constantFrom(-1, 60),
  isBisecting: fc.boolean(),
  isReporting: fc.boolean(),
  writes: fc.array(fc.record({ afterMillis: fc.nat(3_000), counts: fc.tuple(fc.nat(12), fc.nat(12)) }), {
    maxLength: 5,
  }),
  outcomes: fc.array(fc.constantFrom(...outcomes), { maxLength: 20 }),
  readFaults: fc.array(fc.constantFrom(...readFaults), { maxLength: 10 }),
  controls: fc.array(fc.record({ afterMillis: fc.nat(5_000), control: fc.constantFrom(...controls) }), {
    maxLength: 4,
  }),
  poisonEvery: fc.constantFrom(0, 5),
  refusedDocuments: fc.nat(2),
});

/** Plays random schedules. Shrinking leaves the shortest one that fails, with its trace in the message. */
function everySchedule(schedules: fc.Arbitrary<FaultSchedule>, check: (schedule: FaultSchedule) => Promise<void>) {
  return fc.assert(fc.asyncProperty(schedules, check), { numRuns: 150 });
}

async function keepsEveryPromise(schedule: FaultSchedule): Promise<void> {
  const { violations, trace } = await playSchedule(schedule, { isTraced: true });
  if (violations.length > 0) throw new Error([...violations, 'the trace:', ...trace].join('\n'));
}

test(
  'each record is delivered at least once or sent to the destination, in the order of its shard, without skipping one, and never before the end of a parent',
  () => everySchedule(faults, keepsEveryPromise),
  60_000,
);

test(
  'without limits on retries and age each record is processed, whatever fails for a while',
  () =>
    everySchedule(
      faults.map((schedule) => ({ ...schedule, retries: -1, ageSeconds: -1, poisonEvery: 0 })),
      async (schedule) => {
        await keepsEveryPromise(schedule);
        const { counts } = await playSchedule(schedule, { isTraced: false });
        expect(counts).not.toHaveProperty('RetryAttemptsExhausted');
        expect(counts).not.toHaveProperty('RecordAgeExceeded');
      },
    ),
  60_000,
);

test(
  'the same schedule gives the same trace, byte for byte',
  () =>
    fc.assert(
      fc.asyncProperty(faults, async (schedule) => {
        const [first, second] = [
          await playSchedule(schedule, { isTraced: true }),
          await playSchedule(schedule, { isTraced: true }),
        ];
        expect(second.trace.join('\n')).toBe(first.trace.join('\n'));
      }),
      { numRuns: 25 },
    ),
  60_000,
);

test('a random schedule has 200 records, 20 invocations and no violation', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { violations, records, invocations } = await playSchedule(randomSchedule(seed), { isTraced: false });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect(records).toBeGreaterThanOrEqual(200);
    expect(invocations).toBeGreaterThanOrEqual(20);
  }
});
