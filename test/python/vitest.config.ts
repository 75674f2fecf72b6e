import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * `npm run test:python`: what needs tools in Python: the AWS CLI, boto3, cfn-lint and MiniStack; and what needs QEMU.
 * `npm test` needs neither.
 */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/**/*.python.ts'],
    // Python keeps compiled code, also where a machine's own setting is that it does not: cfn-lint and the AWS CLI then
    // take a third of the time to start.
    env: { PYTHONDONTWRITEBYTECODE: '' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: ['default'],
  },
});
