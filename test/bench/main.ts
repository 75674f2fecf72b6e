import { benchBundles } from './bundles.ts';
import { benchCodec } from './codec.ts';
import { emulatorLogBench } from './emulator-log.ts';
import { benchExactlyOnce } from './exactly-once.ts';
import { benchMapping } from './mapping.ts';
import { benchPostgres } from './postgres.ts';
import { hasMissed, type Measured, tableOf } from './rounds.ts';
import { benchSql } from './sql.ts';
import { sqlMemory } from './sql-memory.ts';

/** Every benchmark, one after the other: each has the machine for itself. Exits with 1 when one misses its target. */
const benchmarks: readonly (() => Promise<readonly Measured[]>)[] = [
  benchCodec,
  benchSql,
  benchPostgres,
  emulatorLogBench,
  benchMapping,
  benchExactlyOnce,
  benchBundles,
];

const results: Measured[] = [];
for (const benchmark of benchmarks) {
  const measured = await benchmark();
  console.log(`${tableOf(measured)}\n`);
  results.push(...measured);
}
const missed = results.filter(hasMissed).map(({ name }) => name);
if (!(await sqlMemory())) missed.push('memory of millrace sql');
console.log(missed.length === 0 ? 'every target is met' : `missed: ${missed.join(', ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
