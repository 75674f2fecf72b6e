import { join } from 'node:path';
import type { Check } from '../../infra/local/demo/checks.ts';
import { type CdkOptions, openCdk } from './cdk.ts';
import { type Change, changedCopy } from './changed-copy.ts';

const REPLACING: readonly { readonly what: string; readonly name: string; readonly changes: readonly Change[] }[] = [
  {
    what: 'a stream with another name',
    name: 'renamed',
    changes: [
      { file: 'infra/pipelines/orders.ts', from: '    lines: {', to: '    exported: {' },
      { file: 'infra/pipelines/orders.ts', from: "'lines'", to: "'exported'" },
    ],
  },
  {
    what: 'a stream with four times its shards',
    name: 'resharded',
    changes: [{ file: 'infra/pipelines/sensors.ts', from: 'shards: 2 }', to: 'shards: 8 }' }],
  },
];

/** Checks that deployments which would replace a resource with data are refused before anything changes. */
export async function replacementsRefused(options: CdkOptions): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const { what, name, changes } of REPLACING) {
    const repository = await changedCopy(join(options.folder, name), changes);
    const { code, said } = await openCdk({ ...options, repository }).tryDeploy();
    checks.push({ what: `${what} is refused`, expected: 'yes', found: code === 0 ? 'no' : 'yes' });
    const reason = /^.*(would|more than).*$/m.exec(said)?.[0]?.trim();
    checks.push({
      what: `${what}: the reason`,
      expected: 'printed',
      found: reason === undefined ? said.slice(-300) : 'printed',
    });
  }
  return checks;
}
