import { expect, test } from 'vitest';
import { runtimeModules } from '../../../../infra/sql/emit/runtime-modules.ts';

test('no two modules that generated code imports export the same name', () => {
  const named = Object.entries(runtimeModules).flatMap(([file, names]) =>
    Object.keys(names).map((name) => [name, file]),
  );
  const twice = named.filter(([name]) => named.filter(([other]) => other === name).length > 1);
  expect(twice).toEqual([]);
});
