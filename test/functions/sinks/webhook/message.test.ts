import { expect, test } from 'vitest';
import { fieldsOf, messageFault, slackText } from '../../../../functions/sinks/webhook/message.ts';

const textWith = (message: string, data: unknown, json = JSON.stringify(data)) =>
  slackText(message, {
    id: 'i',
    type: 'order.placed',
    time: '2026-11-30T10:00:00Z',
    key: 'A & B',
    source: '/shop',
    dataBytes: Buffer.from(json),
  });

test('a message has the values of the event, escaped', () => {
  expect(
    textWith('*{data.name}* ({key}): {data.total} € {data.to.city}', {
      name: '<!channel>',
      total: 3,
      to: { city: 'Ulm' },
    }),
  ).toBe('*&lt;!channel&gt;* (A &amp; B): 3 € Ulm');
});

test('a value that is missing or null becomes nothing, and one that is no text its JSON', () => {
  const data = { none: null, list: [1, 'a'], yes: true };
  expect(textWith('[{data.gone}{data.none}{data.gone.more}] {data.list} {data.yes}', data)).toBe('[] [1,"a"] true');
});

test('what an object inherits is no value', () => {
  expect(textWith('[{data.toString}{data.__proto__}{data.a.length}]', { a: 'text' })).toBe('[]');
});

test('an id that a number of JavaScript cannot hold keeps its digits', () => {
  expect(textWith('{data.id} {data.price}', undefined, '{"id":12345678901234567891,"price":0.1}')).toBe(
    '12345678901234567891 0.1',
  );
});

test('a value is cut, and so is the whole text, without half of a character', () => {
  expect(textWith('{data.a}', { a: 'x'.repeat(10_000) })).toBe(`${'x'.repeat(500)}…`);
  const many = textWith('{data.a}'.repeat(400), { a: '😀'.repeat(400) });
  expect(many.length).toBeLessThanOrEqual(8_001);
  expect(many.isWellFormed()).toBe(true);
});

test('two braces stand for one', () => {
  expect(textWith('{{key}} {key}', {})).toBe('{key} A &amp; B');
});

test.each([
  ['{nothing}', 'has {nothing}: use {data.<field>} or one of {id}, {type}, {time}, {key}, {source}'],
  ['{data..a}', 'has {data..a}: use'],
  ['{}', 'has {}: use'],
  ['{key', "has a brace without its partner: write '{{' or '}}'"],
  ['key}', 'has a brace without its partner'],
])('the message %s is refused', (message, fault) => {
  expect(messageFault(message)).toContain(fault);
});

test('the fields of the data that a message names are known, for the check of the pipeline', () => {
  expect(fieldsOf('{data.a} {data.b.c} {data.a} {key} {{data.d}}')).toEqual(['a', 'b']);
});
