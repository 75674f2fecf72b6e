import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Runs every benchmark, one after the other. Each has the machine and a process to itself, as a function has, so that
 * earlier measurements do not influence the compiler. Exits with 1 when one misses its target.
 */
const benchmarks = [
  'codec',
  'sql',
  'windows',
  'tables',
  'joins',
  'tables-memory',
  'changes',
  'changes-memory',
  'csv',
  'regex',
  'postgres',
  'dynamodb',
  'opensearch',
  's3-ndjson',
  'parquet',
  'emulator-log',
  'mapping',
  'exactly-once',
  'rejections',
  'bundles',
  'sql-memory',
];

const missed: string[] = [];
for (const name of benchmarks) {
  const { status, signal } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], {
    stdio: 'inherit',
  });
  if (signal !== null) process.exit(1);
  if (status !== 0) missed.push(name);
  console.log();
}
console.log(missed.length === 0 ? 'every target is met' : `missed: ${missed.join(', ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
