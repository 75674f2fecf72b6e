import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';
import { mistakes } from '../faults/mistakes.ts';
import { mistakesInSinks } from '../faults/sinks/mistakes.ts';
import { tableMistakes as mistakesInChains } from '../faults/table-mistakes.ts';
import { mistakesInLake } from '../lake/mistakes.ts';
import { archiveMistakes } from '../pipelines/archive-mistakes.ts';
import { foreignMistakes } from '../pipelines/foreign-mistakes.ts';
import { joinMistakes } from '../pipelines/join-mistakes.ts';
import { rebuildMistakes } from '../pipelines/rebuild-mistakes.ts';
import { tableMistakes } from '../pipelines/table-mistakes.ts';
import { windowMistakes } from '../pipelines/windows-mistakes.ts';
import { withinMistakes } from '../pipelines/within-mistakes.ts';
import { sqlTableMistakes } from '../tables/mistakes.ts';

/** The lists of mistakes that `npm run test:mistakes` and the long runs plant. */
const LISTS = {
  'test/faults/mistakes.ts': mistakes,
  'test/faults/sinks/mistakes.ts': mistakesInSinks,
  'test/faults/table-mistakes.ts': mistakesInChains,
  'test/lake/mistakes.ts': mistakesInLake,
  'test/pipelines/archive-mistakes.ts': archiveMistakes,
  'test/pipelines/foreign-mistakes.ts': foreignMistakes,
  'test/pipelines/join-mistakes.ts': joinMistakes,
  'test/pipelines/rebuild-mistakes.ts': rebuildMistakes,
  'test/pipelines/table-mistakes.ts': tableMistakes,
  'test/pipelines/windows-mistakes.ts': windowMistakes,
  'test/pipelines/within-mistakes.ts': withinMistakes,
  'test/tables/mistakes.ts': sqlTableMistakes,
};

test.each(Object.entries(LISTS))('the code that %s changes is still there, once', (_, list) => {
  const lost = Object.entries(list).flatMap(([name, edits]) =>
    edits
      .filter(({ file, text }) => readFileSync(join(REPOSITORY, file), 'utf8').split(text).length !== 2)
      .map(({ file }) => `${name} in ${file}`),
  );
  expect(lost).toEqual([]);
});
