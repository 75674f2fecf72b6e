import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayFromText } from '../../../../../functions/runtime/sql/arrays/array-text.ts';
import { doubleFromText } from '../../../../../functions/runtime/sql/numbers/doubles.ts';
import { boundedCache } from '../../../../../functions/runtime/sql/text/bounded-cache.ts';
import { like, matchesLike } from '../../../../../functions/runtime/sql/text/like.ts';
import { regexMatches, regexpReplace, regexpReplaceFlags } from '../../../../../functions/runtime/sql/text/regex.ts';
import {
  compiledRegexes,
  compileRegex,
  matchesOf,
  re2Engine,
  v8Engine,
} from '../../../../../functions/runtime/sql/text/regex-engine.ts';
import { isProvenLinear } from '../../../../../functions/runtime/sql/text/regex-linear.ts';
import { translateRegex } from '../../../../../functions/runtime/sql/text/regex-syntax.ts';
import { trimSpace } from '../../../../../functions/runtime/sql/text/spaces.ts';
import { intervalFromText } from '../../../../../functions/runtime/sql/time/interval-text.ts';
import { backtrackingSteps } from './counted-backtracking.ts';

const LENGTH = 2000;
const proven = (pattern: string): boolean => {
  const { pieces } = translateRegex(pattern, false);
  return pieces !== undefined && isProvenLinear(pieces);
};

const items = fc
  .tuple(
    fc.constantFrom('a', 'b', '[ab]', '[^a]', '.', '1'),
    fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,9}', '{40,}', '{0,70}'),
  )
  .map((parts) => parts.join(''));
const sequences = fc
  .tuple(fc.constantFrom('', '', '^'), fc.array(items, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '$'))
  .map(([start, parts, end]) => start + parts.join('') + end);
const runs = fc
  .tuple(fc.constantFrom('a', 'b', '1', 'ab'), fc.constantFrom(1, 30, LENGTH))
  .map(([part, count]) => part.repeat(count));
const texts = fc.tuple(runs, runs, runs).map((parts) => parts.join('').padEnd(LENGTH, 'b').slice(0, LENGTH));

describe('a pattern that V8 runs', () => {
  test.each([['^[a-z]+-[0-9]+$', '[0-9]+', 'order-([0-9]+)', '^\\s*([A-Z]{2})[0-9]*$', '[^,]*', 'a?b', '^é+a']])(
    'is one like %s',
    (...patterns) => {
      expect(patterns.filter((pattern) => !proven(pattern))).toEqual([]);
    },
  );

  test.each([
    ['\\s+$', '^(a+)+$', 'a|b', '[0-9]+-', '^a*ab', '^[a-z]*\\w*x', '^[^a]*[^b]*$', 'a{65}b', '^.*,', 'a*?', '(ab)*'],
  ])('is none like %s', (...patterns) => {
    expect(patterns.filter(proven)).toEqual([]);
  });

  test('takes steps that grow only with the length, whatever the text', () => {
    let kept = 0;
    fc.assert(
      fc.property(sequences, texts, (pattern, text) => {
        if (!proven(pattern)) return;
        kept += 1;
        const { pieces } = translateRegex(pattern, false);
        expect(backtrackingSteps(pieces!, text)).toBeLessThan(100 * (pieces!.length + 1) * LENGTH);
      }),
      { numRuns: 3000 },
    );
    expect(kept).toBeGreaterThan(300);
  });

  test('would take steps that grow with the square of the length, if it were not proven', () => {
    const { pieces } = translateRegex('b+$', false);
    expect(backtrackingSteps(pieces!, `${'b'.repeat(LENGTH)}a`)).toBeGreaterThan(100 * 2 * LENGTH);
  });

  test('has the same matches as in RE2', () => {
    const sources = ['[0-9]+', 'a?b', '([ab])([0-9]*)', '[^,]*', '^[a-z]+', '[ab]{1,2}$'];
    const subjects = ['', 'ab12,b3,', 'é😀a1', 'aab\n', ',,'];
    const spans = ({ engine }: ReturnType<typeof re2Engine>, text: string): unknown =>
      Array.from(matchesOf(engine, text, 0), ({ groups }) => groups().map((span) => span && [...span]));
    for (const source of sources)
      for (const text of subjects) expect(spans(v8Engine(source), text)).toEqual(spans(re2Engine(source), text));
  });
});

describe('a pattern that RE2 runs', () => {
  test.each(['^(a+)+$', '(a|a)*b', '(a|aa)+c', 'a+$', '(.*)(.*)(.*)x$'])(
    '%s reads a hostile text a few times',
    (pattern) => {
      const text = `${'a'.repeat(LENGTH)}!`;
      const { source } = translateRegex(pattern, false);
      const { engine, size } = re2Engine(source, 10 * LENGTH * re2Engine(source).size);
      expect(size).toBeLessThan(60);
      expect(engine.test(text)).toBe(false);
      expect(engine.search(text)(0)).toBeUndefined();
    },
  );

  test('rejects an event whose text would take too many steps', () => {
    const { engine, size } = re2Engine('a|a*b', LENGTH * LENGTH);
    expect(() => [...matchesOf(engine, 'a'.repeat(LENGTH), 0)]).toThrow('needs more than 4000000 steps on this text');
    expect(() => engine.test('a'.repeat(LENGTH * LENGTH))).toThrow('steps on this text');
    expect(size * LENGTH).toBeLessThan(LENGTH * LENGTH);
    expect([...matchesOf(engine, 'a'.repeat(500), 0)]).toHaveLength(500);
  });
});

test('a regular expression that backtracks in V8 does not stop a shard', () => {
  expect(regexMatches(`${'a'.repeat(100_000)}!`, '^(a+)+$')).toBe(false);
  expect(regexpReplace(`${' '.repeat(100_000)}!`, '\\s+$', '')).toHaveLength(100_001);
  expect(regexpReplaceFlags(`${'foo'.repeat(20_000)}!`, '(foo|o)+', '-', 'g')).toBe('-!');
});

test('patterns from events take a bounded amount of memory', () => {
  for (let i = 0; i < 300; i += 1) compileRegex(`(x|y){${i % 250}}${i}`, false);
  expect(compiledRegexes.kept().entries).toBeLessThanOrEqual(200);
  expect(compiledRegexes.kept().size).toBeLessThanOrEqual(50_000);
  expect(() => compileRegex('a'.repeat(10_001), false)).toThrow('the pattern has 10001 characters');
  expect(() => compileRegex('((((a{250}){250}){250}){250})b', false)).toThrow('its repetitions make 62500 characters');
});

test('a cache keeps no more entries and no more bytes than it may', () => {
  const cache = boundedCache<number>(3, 10);
  for (let i = 0; i < 7; i += 1) cache.keep(`${i}`, i, 1);
  expect(cache.kept()).toEqual({ entries: 1, size: 1 });
  cache.keep('large', 1, 11);
  expect([cache.get('large'), cache.get('6')]).toEqual([undefined, 6]);
  cache.keep('other', 1, 10);
  expect(cache.kept()).toEqual({ entries: 1, size: 10 });
});

test('LIKE with a pattern from the event compares a bounded number of characters', () => {
  const pattern = `%${'a'.repeat(LENGTH / 2)}b%`;
  expect(() => matchesLike('a'.repeat(LENGTH), pattern, 100 * LENGTH)).toThrow('LIKE compares more than 200000');
  expect(matchesLike('a'.repeat(LENGTH), pattern, LENGTH * LENGTH)).toBe(false);
  expect(like('a'.repeat(LENGTH), `%${'a'.repeat(100)}`)).toBe(true);
});

describe('values with very long runs of the same character are read in linear time', () => {
  const [blanks, zeros] = [' '.repeat(200_000), '0'.repeat(200_000)];
  test('blanks inside of a text that is trimmed', () => {
    expect(trimSpace(`${blanks}a${blanks}b${blanks}`)).toBe(`a${blanks}b`);
  });
  test('digits that are no number', () => {
    expect(() => doubleFromText(`1${zeros}x`)).toThrow('invalid input syntax');
  });
  test('blanks in an array', () => {
    const read = arrayFromText((text) => text);
    expect(() => read(`{${blanks}a${blanks}"}`)).toThrow('malformed array literal');
    expect(read(`{a${blanks}b${blanks},\\ a\\\\ ,"${blanks}"}`)).toEqual([`a${blanks}b`, ' a\\', blanks]);
  });
  test('blanks behind the terms of an interval', () => {
    // Postgres refuses a unit that occurs twice.
    expect(() => intervalFromText(`${'1 sec '.repeat(50_000)}${blanks}`)).toThrow('invalid input syntax');
  });
});
