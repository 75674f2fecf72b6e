import { parseArgs } from 'node:util';
import { startSchedules } from './run.ts';

/**
 * `npm run test:horizon -- --schedules 10000 --first 1`: schedules of overlapping transactions on a real Postgres, read
 * by `postgresQuerySource`. Prints every schedule in which a row was lost, doubled or came late, and ends with 1 then.
 */
const { values } = parseArgs({
  options: { schedules: { type: 'string', default: '10000' }, first: { type: 'string', default: '1' } },
});
const [count, first] = [Number(values.schedules), Number(values.first)];
if (!(Number.isInteger(count) && count > 0 && Number.isInteger(first)))
  throw new Error('--schedules and --first are whole numbers');

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
    if (number % 500 === 0) console.log(`${number - first + 1} of ${count} schedules`);
  }
} finally {
  await schedules.close();
}
const { lost, doubled, late } = totals;
console.log(`${count} schedules: ${lost} rows lost, ${doubled} doubled, ${late} late`);
process.exitCode = lost + doubled + late > 0 ? 1 : 0;
