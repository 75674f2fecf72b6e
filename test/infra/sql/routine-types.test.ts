import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FUNCTIONS } from '../../../infra/sql/catalog/functions.ts';
import { OPERATORS } from '../../../infra/sql/catalog/operators.ts';
import { compileFiles } from '../../../infra/sql/compile-files.ts';
import type { Parameter, Routine } from '../../../infra/sql/plan/routine.ts';
import { parameterText } from '../../../infra/sql/plan/routine.ts';
import { TYPE_NAMES } from './type-names.ts';

const root = resolve(import.meta.dirname, '../../..');
/**
 * Inside of the repository, so that imports find their packages, and outside of test/, whose folders another test lists
 * meanwhile.
 */
const ignored = join(root, '.millrace');
mkdirSync(ignored, { recursive: true });
const folder = mkdtempSync(join(ignored, 'routines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const columnOf = (type: string): string => `c_${type.replace('[]', '_list').replace(' ', '_')}`;

function argumentOf(parameter: Parameter): string {
  if (parameter.kind !== 'polymorphic') return columnOf(parameterText(parameter));
  return columnOf(parameter.name.endsWith('array') && parameter.name !== 'anynonarray' ? 'integer[]' : 'integer');
}

/** A call whose arguments are columns, so that nothing is computed before. */
function callOf({ name, parameters, returns }: Routine): string {
  const args = parameters.map(argumentOf);
  const [a = '', b = ''] = args;
  const call = /^[a-z]/.test(name)
    ? `pg_catalog.${name}(${args.join(', ')})`
    : args.length === 1
      ? `${name} ${a}`
      : `${a} ${name} ${b}`;
  return /interval|bytea/.test(parameterText(returns)) ? `(${call})::text` : `(${call})`;
}

test('what every function and operator compiles to passes the type checker, with columns that may be null and that may not', async () => {
  const routines = [...OPERATORS, ...FUNCTIONS].filter(({ name }) => name !== 'jsonb_build_object');
  const outputs = routines.map((routine, i) => `${callOf(routine)} AS x${i}`);
  const column = (nullable: string) => (type: string) =>
    `${columnOf(type)}: z.string()${nullable}.meta({ sql: '${type}' })`;
  for (const [name, nullable] of [
    ['nullable', '.nullable()'],
    ['present', ''],
  ] as const) {
    writeFileSync(
      join(folder, `${name}.ts`),
      `import { z } from 'zod';\nexport const Values = z.object({ ${TYPE_NAMES.map(column(nullable)).join(', ')} });\n`,
    );
    writeFileSync(
      join(folder, `${name}-rows.sql`),
      `-- schema: ./${name}.ts#Values\nSELECT ${outputs.join(',\n  ')}\nFROM stream`,
    );
  }
  await compileFiles({ transforms: folder, runtime: join(root, 'functions/runtime') }, { check: false });
  const config = join(folder, 'tsconfig.json');
  const types = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['*.ts'], exclude: [], compilerOptions: types }),
  );
  const { stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { encoding: 'utf8' });
  expect(stdout).toBe('');
});
