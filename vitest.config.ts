import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Node keeps compiled code here. It halves the time that a command takes to start. */
const COMPILE_CACHE = fileURLToPath(new URL('node_modules/.cache/node-compile', import.meta.url));

/**
 * The slowest files, the slowest first. They start first, so that no worker runs alone at the end. Each has a process
 * of its own: in one that has loaded the modules of a hundred files, they take twice as long.
 */
const SLOWEST = [
  'test/faults/matrix.test.ts',
  'test/pipelines/deadly.test.ts',
  'test/pipelines/positions.test.ts',
  'test/pipelines/operate.test.ts',
  'test/infra/stacks/rules.test.ts',
  'test/pipelines/demo.test.ts',
  'test/pipelines/dev.test.ts',
  'test/pipelines/malformed.test.ts',
  'test/infra/app/app.test.ts',
  'test/infra/emulator/log/differential.test.ts',
  'test/infra/sql/differential.test.ts',
  'test/infra/sql/run/lines.test.ts',
  'test/infra/sql/resolution.test.ts',
  'test/functions/sinks/postgres/postgres.test.ts',
  'test/functions/sources/s3-files/memory.test.ts',
  'test/pipelines/rewind-random.test.ts',
  'test/pipelines/many-processes.test.ts',
  'test/pipelines/table-random.test.ts',
  'test/tables/tables.test.ts',
];

/** The next slowest, the slowest first. They share processes with the quick files, and start before those. */
const NEXT_SLOWEST = [
  'test/pipelines/dev-sql.test.ts',
  'test/infra/sql/compile.test.ts',
  'test/infra/cli/commands/mappings.test.ts',
  'test/deploy/bad-input.test.ts',
  'test/pipelines/kit.test.ts',
  'test/faults/command.test.ts',
  'test/functions/runtime/sink-handler.test.ts',
  'test/infra/stacks/kept.test.ts',
  'test/infra/emulator/lambda-host/host.test.ts',
  'test/infra/stacks/platform.test.ts',
  'test/contracts/sinks.test.ts',
  'test/infra/cli/commands/mappings-bad-input.test.ts',
];

const TESTS = ['test/**/*.test.ts'];
const NO_TESTS = ['test/bench/**'];
const IN_ORDER = [...SLOWEST, ...NEXT_SLOWEST];

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = IN_ORDER.findIndex((file) => moduleId.endsWith(file));
      return rank === -1 ? IN_ORDER.length : rank;
    };
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}

export default defineConfig({
  test: {
    // The processes that tests start inherit this.
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    setupFiles: ['test/seed.ts'],
    pool: 'forks',
    sequence: { sequencer: SlowestFirst },
    // Two more than two cores, because many tests wait for servers and processes.
    maxWorkers: 4,
    // These limits only catch tests that hang: no test ends by the clock, so each passes on a machine of any speed.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: ['default'],
    projects: [
      { extends: true, test: { name: 'slow', include: SLOWEST, isolate: true } },
      // A worker plays many files and loads each module once: starting a process and loading the CDK again for each
      // file took a tenth of the CPU time. So a test leaves no state behind in a module or in the environment.
      { extends: true, test: { name: 'quick', include: TESTS, exclude: [...NO_TESTS, ...SLOWEST], isolate: false } },
    ],
  },
});
