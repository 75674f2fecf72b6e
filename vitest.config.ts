import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Node keeps compiled code here. It halves the time that a command takes to start. */
const COMPILE_CACHE = fileURLToPath(new URL('node_modules/.cache/node-compile', import.meta.url));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    // The processes that tests start inherit this.
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    setupFiles: ['test/seed.ts'],
    pool: 'forks',
    // One more than two cores, because many tests wait for servers and processes.
    maxWorkers: 3,
    // These limits only catch tests that hang: no test ends by the clock, so each passes on a machine of any speed.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: ['default'],
  },
});
