import { type GivenOptions, runProof } from '../long-proof.ts';
import { startSchedules } from './run.ts';

const USAGE = `[--schedules 10000] [--seed 1]

Plays schedules of overlapping transactions on a real Postgres, which \`postgresQuerySource\` reads. Prints every schedule
in which a row was lost, doubled or came late, and ends with code 1 then.`;

const OPTIONS = { schedules: { type: 'string' }, seed: { type: 'string' } } as const;

/** So many schedules after which the command says how far it is. */
const EVERY = 500;

await runProof({ command: 'npm run test:horizon', usage: USAGE, options: OPTIONS }, main);

async function main({ wholeNumber }: GivenOptions): Promise<void> {
  const [count, first] = [wholeNumber('schedules', 10_000, 1), wholeNumber('seed', 1)];
  const schedules = await startSchedules();
  const totals = { lost: 0, doubled: 0, late: 0 };
  try {
    for (let number = first; number < first + count; number++) {
      const { lost, doubled, late } = await schedules.perform(number, 'source');
      if (lost.length + doubled.length + late.length > 0) {
        console.log(`schedule ${number}: ${JSON.stringify({ lost, doubled, late })}`);
        totals.lost += lost.length;
        totals.doubled += doubled.length;
        totals.late += late.length;
      }
      if ((number - first) % EVERY === EVERY - 1) console.log(`${number - first + 1} of ${count} schedules`);
    }
  } finally {
    await schedules.close();
  }
  const { lost, doubled, late } = totals;
  console.log(`${count} schedules: ${lost} rows lost, ${doubled} doubled, ${late} late`);
  process.exitCode = lost + doubled + late > 0 ? 1 : 0;
}
