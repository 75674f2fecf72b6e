import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ABSENT, openFields, textAt } from '../../../../functions/sinks/postgres/fields.ts';

const COLUMNS = ['id', 'näme', 'with "quotes"', 'x\\y', 'n', 'data', 'extra'];

/** The same value as JSON, with white space wherever it may stand and letters escaped at will. */
function written(value: unknown, choose: () => number): string {
  const space = () => ['', '', '', ' ', '\n', '\t\r '][choose() % 6] as string;
  const text = (of: string) =>
    [
      ...JSON.stringify(of)
        .slice(1, -1)
        .matchAll(/\\u....|\\.|[^\\]/gsu),
    ]
      .map(([part]) => (part.length === 1 && choose() % 8 === 0 ? escaped(part) : part))
      .join('');
  const write = (each: unknown): string => {
    if (typeof each === 'string') return `"${text(each)}"`;
    if (Array.isArray(each)) return `[${each.map((inner) => space() + write(inner) + space()).join(',')}]`;
    if (typeof each === 'object' && each !== null) {
      const members = Object.entries(each).map(
        ([name, inner]) => `${space()}"${text(name)}"${space()}:${space()}${write(inner)}${space()}`,
      );
      return `{${members.join(',')}}`;
    }
    return JSON.stringify(each);
  };
  return space() + write(value) + space();
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Objects of some of the columns, in any order. */
const objects = fc
  .array(fc.tuple(fc.constantFrom(...COLUMNS), fc.jsonValue({ maxDepth: 3 })), { maxLength: 8 })
  .map((members) => Object.fromEntries(members));

describe('the fields of an event', () => {
  test('are where JSON.parse would find them, however they are written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(objects, fc.infiniteStream(fc.nat(1000))), { minLength: 1, maxLength: 5 }),
        (events) => {
          const fields = openFields(COLUMNS);
          for (const [object, choices] of events) {
            const json = written(object, () => choices.next().value as number);
            const data = Buffer.from(json);
            expect(fields.read(data)).toEqual({ outcome: 'row' });
            const found = COLUMNS.flatMap((name, index) =>
              fields.kindOf(index) === ABSENT
                ? []
                : [[name, JSON.parse(textAt(data, fields.startOf(index), fields.endOf(index)))]],
            );
            expect(Object.fromEntries(found)).toEqual(JSON.parse(json));
          }
        },
      ),
    );
  });

  test('that occur twice have the last value', () => {
    const fields = openFields(['a', 'b']);
    const data = Buffer.from('{"a":1,"b":2,"a":3}');
    fields.read(data);
    expect(textAt(data, fields.startOf(0), fields.endOf(0))).toBe('3');
  });

  test('without a column are named', () => {
    const fields = openFields(['a']);
    expect(fields.read(Buffer.from('{"a":1,"b\\u00e9":2}'))).toEqual({ outcome: 'unknown', field: 'bé' });
  });

  test('of one event are not those of the next', () => {
    const fields = openFields(['a', 'b']);
    fields.read(Buffer.from('{"a":1,"b":2}'));
    fields.read(Buffer.from('{"b":2}'));
    expect(fields.kindOf(0)).toBe(ABSENT);
  });

  test.each(['[1]', '"text"', '1', 'null', 'true', ' [ ] '])('are not in %s', (json) => {
    expect(openFields(['a']).read(Buffer.from(json))).toEqual({ outcome: 'no-row' });
  });
});
