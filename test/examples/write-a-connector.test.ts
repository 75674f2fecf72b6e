import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../infra/repository.ts';
import { filesBelow } from '../structure/files.ts';

const read = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');
const page = read('docs/write-a-connector.md');
const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => block);

/** Where the page puts each file of the example. */
const SHOWN: Readonly<Record<string, string>> = {
  'test/examples/sqs-sink/sqs.ts': 'functions/sinks/sqs/sqs.ts',
  'test/examples/sqs-sink/send-events.ts': 'functions/sinks/sqs/send-events.ts',
  'test/examples/sqs-sink/needs.ts': 'infra/sinks/sqs.ts',
  'test/examples/sqs-sink/harness.ts': 'test/contracts/sqs-harness.ts',
};

/** Returns a file as it reads where the page puts it: its imports lead elsewhere. */
function asShown(file: string, place: string): string {
  const moved = read(file).replaceAll(/from '(\.[^']+)';/g, (_, path: string) => {
    const target = normalize(join(dirname(file), path));
    const to = relative(dirname(place), SHOWN[target] ?? target);
    return `from '${to.startsWith('.') ? to : `./${to}`}';`;
  });
  return `// ${place}\n${moved}`;
}

test.each(Object.entries(SHOWN))('the page shows %s, which is tested, as %s', (file, place) => {
  expect(blocks).toContain(asShown(file, place));
});

test('the page shows entries of the lists that compile', () => {
  const compiled = read('test/examples/sqs-sink/registration.ts');
  const entries = blocks.filter((block) => /^ {2}sqs: \{$/m.test(block));
  expect(entries).toHaveLength(2);
  for (const entry of entries) expect(compiled).toContain(entry);
});

/** The paths in the first column of the page's table. */
const named = [...page.matchAll(/^\| `([^`]+)` \| (?:write|add|generate)/gm)].map(([, path = '']) => path);

test('the page names every file that lists all connectors', () => {
  const lists = ['infra', 'test', 'functions']
    .flatMap(filesBelow)
    .filter((file) => /Record<(?:SinkName|SourceName|ConnectorName),/.test(read(file)));
  expect(lists.length).toBeGreaterThan(4);
  for (const file of lists) expect(named, `${file} lists all connectors: name it in the page's table`).toContain(file);
});

test('the page names files that exist, apart from those that it says to write', () => {
  expect(named.length).toBeGreaterThan(10);
  for (const place of Object.values(SHOWN)) expect(named).toContain(place);
  // Somebody who followed the page has those files too.
  const others = named.filter((path) => !Object.values(SHOWN).includes(path));
  for (const path of others) expect(existsSync(join(REPOSITORY, path)), path).toBe(true);
});
