import { type GivenOptions, runProof } from '../long-proof.ts';
import { caughtInLake } from './caught.ts';
import { mistakesInLake } from './mistakes.ts';
import { explainedOfLake, playLake } from './play.ts';
import { readByPython } from './read-by-python.ts';
import { lakeScheduleOf } from './schedule.ts';

const USAGE = `[--schedules 200] [--seed 0] [--without-python]

Plays schedules of crashes, twins, lost replies and refused commits of an Iceberg table, with a compactor, an expirer and
a remover of orphans beside it, and with people who roll the table back or make it anew. Each event is one row, or the
step waits and says so. Then plants each mistake, which a schedule has to catch, and lets PyIceberg and DuckDB read a
table that the sink has written, through its catalogue (from PyPI, in a virtual environment; --without-python leaves it
out).`;

const OPTIONS = {
  schedules: { type: 'string' },
  seed: { type: 'string' },
  'without-python': { type: 'boolean' },
} as const;

/** How many schedules a mistake may take. */
const MOST = 200;

/** So many schedules after which the command says how far it is. */
const EVERY = 50;

await runProof({ command: 'npm run test:lake', usage: USAGE, options: OPTIONS }, main);

async function main({ has, wholeNumber }: GivenOptions): Promise<void> {
  const broken = await playAll(wholeNumber('seed', 0), wholeNumber('schedules', 200, 1));
  const missed = await plantAll();
  const differences = has('without-python') ? [] : await readByPython();
  for (const difference of differences) console.log(difference);
  process.exitCode = broken + missed + differences.length === 0 ? 0 : 1;
}

/** Plays schedules. Resolves to the number of those that broke a promise. */
async function playAll(first: number, schedules: number): Promise<number> {
  let [broken, commits] = [0, 0];
  for (let seed = first; seed < first + schedules; seed++) {
    const played = await playLake(lakeScheduleOf(seed));
    commits += played.commits;
    if ((seed - first) % EVERY === EVERY - 1) console.log(`${seed - first + 1} of ${schedules}, ${broken} broken`);
    if (played.violations.length === 0) continue;
    broken++;
    if (broken === 1) console.log(await explainedOfLake(lakeScheduleOf(seed)));
    else console.log(`schedule ${seed} of the lake: ${played.violations[0]}`);
  }
  console.log(`${schedules} schedules of the lake, ${broken} broken, ${commits} snapshots left`);
  return broken;
}

/** Plants each mistake. Resolves to the number of those that no schedule has caught. */
async function plantAll(): Promise<number> {
  let missed = 0;
  for (const mistake of Object.keys(mistakesInLake)) {
    const found = await caughtInLake({ mistake, most: MOST });
    if (found === undefined) missed++;
    const how = found === undefined ? 'NOT CAUGHT' : `caught by seed ${found.seed}: ${found.violation}`;
    console.log(`${mistake}: ${how}`);
  }
  return missed;
}
