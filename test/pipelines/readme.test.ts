import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';

const read = (path: string) => readFileSync(join(REPOSITORY, path), 'utf8');
const readme = read('README.md');

describe('the README', () => {
  test('shows code and SQL that are in the repository and run there', () => {
    const sources = [
      'functions/transforms/clean-readings.sql',
      'infra/pipelines/sensors.ts',
      'test/pipelines/guide-faults.test.ts',
    ].map(read);
    const shown = [...readme.matchAll(/^```(?:ts|sql)\n(.*?)^```$/gms)].map(([, block = '']) => block.trimEnd());
    expect(shown).toHaveLength(3);
    for (const block of shown) {
      expect(
        sources.some((source) => source.includes(block)),
        block,
      ).toBe(true);
    }
  });

  test('names commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:run )?([a-z:]+)\b/g)].map(([, name = '']) => name);
    for (const name of new Set(named)) expect([...Object.keys(scripts), 'ci', 'run']).toContain(name);
  });
});
