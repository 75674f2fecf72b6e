import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { expect, test } from 'vitest';

/** The most characters that a line of a comment, or of Markdown prose, has. */
const MOST_COLUMNS = 120;

const tracked = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n').filter(existsSync);

test('comments wrap at 120 columns', () => {
  const code = tracked.filter((file) => /\.(ts|mjs|sql|sh)$/.test(file) && !file.endsWith('.sql.ts'));
  expect(code.length).toBeGreaterThan(100);
  expect(code.flatMap((file) => longLines(file, isComment))).toEqual([]);
});

test('Markdown prose wraps at 120 columns: tables, links and code may be wider', () => {
  const pages = tracked.filter((file) => extname(file) === '.md');
  expect(pages.length).toBeGreaterThan(3);
  expect(pages.flatMap((file) => longLines(file, isProse()))).toEqual([]);
});

/** `file:line` of every line that is too long, among those that the rule is about. */
function longLines(file: string, isAbout: (line: string) => boolean): readonly string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => (isAbout(line) && line.length > MOST_COLUMNS ? [`${file}:${index + 1}`] : []));
}

function isComment(line: string): boolean {
  return /^\s*(\/\/|\/\*\*?|\*|--|#)\s/.test(line) && hasSpaceToWrapAt(line);
}

/** Also keeps track of code blocks, so it has to see every line of one page in order. */
function isProse(): (line: string) => boolean {
  let inCode = false;
  return (line) => {
    if (/^\s*(```|~~~)/.test(line)) {
      inCode = !inCode;
      return false;
    }
    return !inCode && !/^\s*(\||<|\[[^\]]+\]:| {4})/.test(line) && hasSpaceToWrapAt(line);
  };
}

/** A link or another word that is too long by itself cannot be wrapped. */
function hasSpaceToWrapAt(line: string): boolean {
  const [words] = line.replaceAll(/\[[^\]]*\]\([^)]*\)/g, 'link').match(/\S.*/) ?? [''];
  return words.length > MOST_COLUMNS - 20 && /\s/.test(words.slice(0, MOST_COLUMNS));
}
