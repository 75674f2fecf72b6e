import { type GivenOptions, runProof } from '../../long-proof.ts';
import { caughtInSinks } from './caught.ts';
import { mistakesInSinks } from './mistakes.ts';
import { explainedOfSinks, playSinks } from './play.ts';
import { sinksScheduleOf } from './schedule.ts';

const USAGE = `[--schedules 200] [--seed 0]

Plays schedules of the sinks that are not in the chain, and then plants each mistake, which a schedule has to catch. Ends
with code 1 when a schedule breaks a promise, or a mistake is not caught.`;

const OPTIONS = { schedules: { type: 'string' }, seed: { type: 'string' } } as const;

/** How many schedules a mistake may take. */
const MOST = 200;

await runProof({ command: 'npm run test:sinks', usage: USAGE, options: OPTIONS }, main);

async function main({ wholeNumber }: GivenOptions): Promise<void> {
  const [schedules, first] = [wholeNumber('schedules', 200, 1), wholeNumber('seed', 0)];
  const seeds = Array.from({ length: MOST }, (_, seed) => seed);
  let broken = 0;
  for (let seed = first; seed < first + schedules; seed++) {
    if ((await playSinks(sinksScheduleOf(seed))).violations.length === 0) continue;
    broken++;
    if (broken === 1) console.log(await explainedOfSinks(sinksScheduleOf(seed)));
    else console.log(`schedule ${seed} of sinks broke a promise`);
  }
  console.log(`${schedules} schedules of sinks, ${broken} broken`);
  let missed = 0;
  for (const mistake of Object.keys(mistakesInSinks)) {
    const found = await caughtInSinks({ mistake, seeds });
    if (found === undefined) missed++;
    console.log(
      `${mistake}: ${found === undefined ? 'NOT CAUGHT' : `caught by seed ${found.seed}: ${found.violation}`}`,
    );
  }
  process.exitCode = broken + missed === 0 ? 0 : 1;
}
