import {
  type Control,
  controls,
  type FaultSchedule,
  type Outcome,
  outcomes,
  type ReadFault,
  readFaults,
} from './fault-schedule.ts';
import { seededRandom } from './seeded-random.ts';

/** Makes a schedule with at least 200 records and 20 invocations: the same for the same seed. */
export function randomSchedule(seed: number): FaultSchedule {
  const random = seededRandom(seed);
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  const oneOf = <Item>(items: readonly Item[]): Item => items[upTo(items.length - 1)] as Item;
  const someOf = <Item>(most: number, item: () => Item): Item[] => Array.from({ length: upTo(most) }, item);
  const isPatient = random() < 0.3;
  const ageSeconds = oneOf([-1, -1, 60]);
  return {
    seed,
    batchSize: 2 + upTo(ageSeconds === -1 ? 8 : 2),
    windowSeconds: oneOf([0, 0, 1]),
    retries: isPatient ? -1 : upTo(4),
    ageSeconds,
    isBisecting: random() < 0.5,
    isReporting: random() < 0.6,
    writes: Array.from({ length: 5 }, () => ({
      afterMillis: upTo(2_000),
      counts: [20 + upTo(10), 20 + upTo(10)] as const,
    })),
    outcomes: someOf(ageSeconds === -1 ? 25 : 8, (): Outcome => (random() < 0.4 ? 'succeeds' : oneOf(outcomes))),
    readFaults: someOf(15, (): ReadFault => (random() < 0.5 ? 'none' : oneOf(readFaults))),
    controls: someOf(3, () => ({ afterMillis: upTo(4_000), control: oneOf<Control>(controls) })),
    poisonEvery: ageSeconds !== -1 ? oneOf([0, 100]) : isPatient ? 0 : oneOf([0, 0, 50]),
    refusedDocuments: upTo(2),
  };
}
