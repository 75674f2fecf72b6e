import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Every benchmark, one after the other: each has the machine for itself, and a process of its own, as a function has,
 * where nothing that was measured before has taught the compiler other shapes. Exits with 1 when one misses its target.
 */
const benchmarks = ['codec', 'sql', 'postgres', 'emulator-log', 'mapping', 'exactly-once', 'bundles', 'sql-memory'];

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
