import { expect, test } from 'vitest';
import type { ReceivedEvent } from '../../../../functions/runtime/event.ts';
import { decodeRecord } from '../../../../functions/runtime/record-codec/decode.ts';
import { eventLine, lineStyle } from '../../../../infra/cli/reports/event-line.ts';

function eventOf(json: string): ReceivedEvent {
  const record = { sequenceNumber: '1', partitionKey: 'k', data: Buffer.from(json), approximateArrivalMillis: 0 };
  const [entry] = decodeRecord(record, { name: 'raw' }).entries;
  if (entry === undefined || !('event' in entry)) throw new Error('the test has no event');
  return entry.event;
}

const order = eventOf(
  '{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","time":"2026-01-01T00:00:00Z","partitionkey":"k1",\n"data":{"total":10}}',
);

test('prints an event as one line of JSON in a pipe', () => {
  expect(eventLine(order, 'json')).not.toContain('\n');
  expect(JSON.parse(eventLine(order, 'json'))).toMatchObject({ type: 'order.placed', data: { total: 10 } });
});

test('prints the time, key, type and data of an event on a terminal', () => {
  expect(eventLine(order, 'text')).toBe('2026-01-01T00:00:00Z  k1  order.placed  {"total":10}');
});

test('escapes control characters, so that an event cannot control the terminal', () => {
  const hostile = eventOf(
    '{"specversion":"1.0","id":"1","source":"/x","type":"\\u001b]0;owned\\u0007","partitionkey":"k","data":"\u009b31m"}',
  );
  const text = eventLine(hostile, 'text');
  expect(text).not.toMatch(/\p{Cc}/u);
  expect(text).toContain('\\u001b]0;owned\\u0007  "\\u009b31m"');
});

test.each([
  [{ json: true, isTerminal: true }, 'json'],
  [{ json: false, isTerminal: false }, 'text'],
])('with %j it prints %s', (given, style) => {
  expect(lineStyle(given)).toBe(style);
});

test('colours lines on a terminal, unless NO_COLOR is set', () => {
  const before = process.env.NO_COLOR;
  try {
    process.env.NO_COLOR = '';
    expect(lineStyle({ json: false, isTerminal: true })).toBe('coloured');
    process.env.NO_COLOR = '1';
    expect(lineStyle({ json: false, isTerminal: true })).toBe('text');
  } finally {
    if (before === undefined) delete process.env.NO_COLOR;
    else process.env.NO_COLOR = before;
  }
});
