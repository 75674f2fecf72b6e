import { defineConfig } from 'vitest/config';

/** `npm run test:compare`: sinks of each kind on one stream, compared with each other, also while events flow. */
export default defineConfig({
  test: { include: ['test/compare/*.run.ts'], testTimeout: 900_000, hookTimeout: 600_000, fileParallelism: false },
});
