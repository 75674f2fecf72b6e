import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectors } from '../../infra/connectors.ts';
import { connectorTexts } from '../../infra/reference/connector-texts.ts';
import { REPOSITORY } from '../../infra/repository.ts';
import { filesBelow } from '../structure/files.ts';
import { sinkCases, sourceCases } from './cases.ts';

/** Returns the connectors that a suite does not check. */
function withoutCase(names: readonly string[], cases: Readonly<Record<string, readonly unknown[]>>): readonly string[] {
  return names.filter((name) => (cases[name] ?? []).length === 0);
}

const namesOf = (kind: 'source' | 'sink') =>
  Object.entries(connectors).flatMap(([name, connector]) => (connector.kind === kind ? [name] : []));

test('every connector has a case in the contract suites', () => {
  const missing = [...withoutCase(namesOf('source'), sourceCases), ...withoutCase(namesOf('sink'), sinkCases)];
  expect(missing, 'add their cases to test/contracts/cases.ts (docs/write-a-connector.md)').toEqual([]);
});

test('a connector without a case is found, whether its list is missing or empty', () => {
  expect(withoutCase(['s3', 'smoke', 'pigeon'], { ...sinkCases, pigeon: [] })).toEqual(['smoke', 'pigeon']);
});

test('every module of functions/ with the handler of a source or a sink is a connector', () => {
  const handlers = ['functions/sources', 'functions/sinks']
    .flatMap(filesBelow)
    .filter((file) => /^export const handler = /m.test(readFileSync(join(REPOSITORY, file), 'utf8')));
  const modules = Object.values(connectorTexts).flatMap(({ module, variants = [] }) => [module, ...variants]);
  expect(handlers.sort(), 'list it in infra/connectors.ts (docs/write-a-connector.md)').toEqual(modules.sort());
});
