import { join } from 'node:path';
import type { Check } from '../../infra/local/demo/checks.ts';
import { type CdkOptions, openCdk } from './cdk.ts';
import { type Change, changedCopy } from './changed-copy.ts';

const FILE = 'infra/pipelines/sensors.ts';

const REPLACING: readonly { readonly what: string; readonly name: string; readonly change: Change }[] = [
  {
    what: 'a stream with another name',
    name: 'renamed',
    change: { file: FILE, from: '    raw: {', to: '    readings_raw: {' },
  },
  {
    what: 'a stream with four times its shards',
    name: 'resharded',
    change: { file: FILE, from: 'shards: 2 }', to: 'shards: 8 }' },
  },
];

/** Deployments that would replace what holds data are refused before anything is touched. */
export async function replacementsRefused(options: CdkOptions): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const { what, name, change } of REPLACING) {
    const repository = await changedCopy(join(options.folder, name), [
      change,
      ...(name === 'renamed' ? [{ file: FILE, from: "'raw'", to: "'readings_raw'" }] : []),
    ]);
    const { code, said } = await openCdk({ ...options, repository }).tryDeploy();
    checks.push({ what: `${what} is refused`, expected: 'yes', found: code === 0 ? 'no' : 'yes' });
    const reason = /^.*(would|more than).*$/m.exec(said)?.[0]?.trim();
    checks.push({
      what: `${what}: the reason`,
      expected: 'said',
      found: reason === undefined ? said.slice(-300) : 'said',
    });
  }
  return checks;
}
