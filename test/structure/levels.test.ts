import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow } from './files.ts';

/**
 * The levels of functions/runtime, from the top down. A name that ends in `.ts` is a file at the top of the folder, any
 * other name is a folder. A file imports files of its own folder and of lower levels, and no others.
 */
const LEVELS: readonly (readonly string[])[] = [
  ['copy-handler.ts'],
  [
    'transform-handler.ts',
    'sink-handler.ts',
    'queue-handler.ts',
    'pull-handler.ts',
    'request-handler.ts',
    'tick-handler.ts',
  ],
  ['delivery'],
  ['replay'],
  ['rewind', 'items', 'pull', 'rebuild'],
  ['poison', 'on-failure'],
  ['batches'],
  ['outbox', 'versions'],
  ['step.ts'],
  ['pause'],
  ['checkpoints', 'archive'],
  ['log'],
  ['sql'],
  ['join.ts'],
  ['transform.ts', 'table.ts', 'source.ts', 'sink.ts'],
  ['record-codec'],
  ['dead-letters'],
  ['json', 'aws', 'exclusive.ts', 'operator-request.ts', 'metrics.ts'],
  ['rejection.ts', 'step-config.ts', 'time', 'windows.ts'],
  ['event.ts', 'blame.ts'],
  ['position.ts', 'errors.ts', 'cut-text.ts'],
];

const RUNTIME = 'functions/runtime';

const level = new Map(LEVELS.flatMap((entries, depth) => entries.map((entry) => [entry, depth] as const)));

/** The entry of LEVELS that a file of the runtime belongs to. */
const entryOf = (file: string): string => file.slice(RUNTIME.length + 1).split('/')[0] ?? '';

test('every folder of the runtime, and every file at its top, has a level', () => {
  expect(new Set(filesBelow(RUNTIME).map(entryOf))).toEqual(new Set(level.keys()));
});

test('files of the runtime import only from their own folder and from lower levels', () => {
  const upward = filesBelow(RUNTIME).flatMap((file) =>
    importsOf(file)
      .filter((imported) => imported.startsWith(`${RUNTIME}/`))
      .filter((imported) => !isAllowed(entryOf(file), entryOf(imported)))
      .map((imported) => `${file} imports ${imported}`),
  );
  expect(upward).toEqual([]);
});

function isAllowed(from: string, to: string): boolean {
  return from === to || (level.get(to) ?? -1) > (level.get(from) ?? -1);
}

/** The files of this repository that a file imports, types included, as paths from its top. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path = '']) =>
    normalize(join(dirname(file), path)),
  );
}
