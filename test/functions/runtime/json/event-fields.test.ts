import { expect, test } from 'vitest';
import { keyFrom, rfc3339, timeFrom } from '../../../../functions/runtime/json/event-fields.ts';

const dataOf = (json: string) => ({ value: JSON.parse(json), bytes: Buffer.from(json) });

test.each([
  ['a text', '{"k":"a b"}', 'a b'],
  ['a number', '{"k":17}', '17'],
  ['a number beyond what a double holds', '{"a":"k","k":12345678901234567891}', '12345678901234567891'],
  ['a decimal as it was written', '{"k":1.10}', '1.10'],
  ['an empty text', '{"k":""}', undefined],
  ['null', '{"k":null}', undefined],
  ['nothing', '{}', undefined],
  ['data that is no object', '[1]', undefined],
  ['an inherited name', '{}', undefined],
])('takes a key from a field: %s', (_, json, key) => {
  expect(keyFrom(dataOf(json), 'k')).toBe(key);
});

test('an inherited property is not a key', () => {
  expect(keyFrom(dataOf('{}'), 'constructor')).toBeUndefined();
});

test.each([
  ['an object', '{"k":{}}', /k: the event's key must be a text or a number/],
  ['a boolean', '{"k":true}', /k: the event's key must be a text or a number/],
  ['a text of 257 characters', `{"k":"${'x'.repeat(257)}"}`, /257 characters, at most 256/],
  ['half of a surrogate pair', '{"k":"\\ud800"}', /k: the event's key has half of a surrogate pair/],
])('rejects a value that cannot be a key: %s', (_, json, why) => {
  expect(() => keyFrom(dataOf(json), 'k')).toThrow(why);
});

test.each([
  ['2024-02-29', '2024-02-29T00:00:00Z'],
  ['2024-02-29T10:11:12Z', '2024-02-29T10:11:12Z'],
  ['2024-02-29t10:11:12z', '2024-02-29T10:11:12Z'],
  ['2024-02-29T10:11:12.123456+02:00', '2024-02-29T10:11:12.123456+02:00'],
  ['2024-02-29 10:11:12', '2024-02-29T10:11:12Z'],
  ['2024-02-29T10:11', '2024-02-29T10:11:00Z'],
  [' 2024-02-29 ', '2024-02-29T00:00:00Z'],
  ['2023-02-29', undefined],
  ['2024-02-30T10:00:00Z', undefined],
  ['2024-02-29T24:00:00Z', undefined],
  ['29.02.2024', undefined],
  ['1709200000', undefined],
  ['yesterday', undefined],
  ['', undefined],
])('reads the time %j as %j', (text, time) => {
  expect(rfc3339(text)).toBe(time);
});

test('a time is a text in a field of the data', () => {
  expect(timeFrom(dataOf('{"at":"2024-02-29"}'), 'at')).toBe('2024-02-29T00:00:00Z');
  for (const json of ['{"at":1709200000}', '{"at":null}', '{}', '{"at":"soon"}'])
    expect(() => timeFrom(dataOf(json), 'at')).toThrow(/^at: the event's time must be an RFC 3339 time/);
});
