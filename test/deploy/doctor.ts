import { join } from 'node:path';
import type { Check } from '../../infra/local/demo/checks.ts';
import type { Finding } from '../../infra/operation/doctor/finding.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { outcomeOf } from './command.ts';
import type { Deployed } from './deployed.ts';
import type { Server } from './server.ts';

/** Checks that `millrace doctor` finds nothing wrong with the stage that was just deployed, and looks at every step. */
export async function doctorFindsNothing(
  { names, steps }: Deployed,
  { server, folder }: { readonly server: Server; readonly folder: string },
): Promise<readonly Check[]> {
  const command = [process.execPath, join(REPOSITORY, 'infra/cli/main.ts'), 'doctor', '--stage', names.stage, '--json'];
  const { said, code } = await outcomeOf(command, { cwd: folder, env: server.env, log: join(folder, 'doctor.log') });
  const findings = said
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Finding);
  const bad = findings.filter(({ state }) => state === 'wrong' || state === 'refused');
  return [
    {
      what: 'what is wrong',
      expected: '',
      found: bad.map(({ of, what, found }) => `${of} ${what}: ${found}`).join('; '),
    },
    {
      what: 'functions of steps that are as they were deployed',
      expected: steps.length,
      found: findings.filter(({ of, what, state }) => of.includes('/') && what === 'function' && state === 'ok').length,
    },
    { what: 'exit code', expected: 0, found: code ?? 'none' },
  ];
}
