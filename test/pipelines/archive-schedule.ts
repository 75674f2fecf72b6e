import { s3Sink } from '../../functions/sinks/s3/s3.ts';
import { definePipeline, hours, minutes } from '../../infra/pipelines/pipeline.ts';
import { seededRandom } from '../infra/emulator/mapping/seeded-random.ts';
import { startPipelineRun } from '../kit/pipeline-run.ts';
import {
  codeOf,
  counted,
  differencesOfSums,
  disturb,
  REFUSED_BY_OTHERS,
  redriveAll,
  someNumber,
  sums,
  Value,
  type ValuesRun,
  value,
} from './rebuild-schedule.ts';

const archived = definePipeline({
  name: 'values',
  streams: { raw: { schema: Value, shards: 2 } },
  tables: { sums: { from: 'raw', keep: sums } },
  sinks: {
    archive: {
      from: 'raw',
      write: s3Sink({ prefix: 'raw', lines: 'record', targetRows: 3 }),
      every: hours(1),
    },
  },
});

/**
 * Plays a random schedule that outlasts the retention of the stream: other code is deployed again and again, in the
 * middle of faults, splits, merges and redrives, when the log has lost more and more of what the table is made of. The
 * archive is at times behind, and at times ahead of where the table stands. Returns a line for each difference to what
 * the last code makes of all events.
 */
export async function playArchived(seed: number): Promise<readonly string[]> {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  using run = (await startPipelineRun(archived, { seed, recordBytes: 1_000, pollMillis: minutes(10) })) as ValuesRun &
    Disposable;
  run.when.anythingFails({ most: 40, probability: 0.05 });
  const all: { readonly id: string; readonly n: number }[] = [];
  for (let handful = 0; handful < 6; handful++) {
    const some = Array.from({ length: 1 + below(12) }, () => ({ id: `k${below(5)}`, n: someNumber(below) }));
    all.push(...some);
    await run.given(
      'raw',
      some.map(({ id, n }) => value(id, n)),
    );
    await disturb(run, below);
    if (below(3) === 0) run.when.deployed('sums', codeOf(1 + below(3)));
    if (below(4) === 0) await run.when.redriven('sums');
    await run.when.pass(below(3) === 0 ? hours(14) : minutes(below(20)));
  }
  await run.when.pass(hours(26));
  run.when.deployed('sums', counted(2, REFUSED_BY_OTHERS));
  await run.given('raw', [value('k0', 1), value('k1', 1)]);
  all.push({ id: 'k0', n: 1 }, { id: 'k1', n: 1 });
  await run.settled();
  await redriveAll(run);
  await run.settled();
  return differencesOfSums(run, all, 2);
}
