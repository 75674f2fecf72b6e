import { describe, expect, test } from 'vitest';
import { logError, metricsLine } from '../../../functions/runtime/metrics.ts';

const OF = { stage: 'dev', pipeline: 'p', step: 's', shard: 'shardId-0' };
const COUNTS = { eventsIn: 3, eventsOut: 2, rejected: 1, alreadySeen: 0, bytesIn: 90, bytesOut: 60, durationMillis: 7 };

describe('a line of metrics', () => {
  test('is in the embedded metric format: every metric that it names has a number', () => {
    const line = JSON.parse(metricsLine(OF, { ...COUNTS, lagMillis: 250 }, 1_700_000_000_000)) as Record<
      string,
      unknown
    > & {
      _aws: {
        Timestamp: number;
        CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
      };
    };
    expect(line._aws.Timestamp).toBe(1_700_000_000_000);
    const [directive] = line._aws.CloudWatchMetrics;
    expect(directive).toMatchObject({ Namespace: 'Millrace', Dimensions: [['stage', 'pipeline', 'step']] });
    for (const dimension of directive?.Dimensions.flat() ?? []) expect(line[dimension]).toBeTypeOf('string');
    for (const { Name, Unit } of directive?.Metrics ?? []) {
      expect(line[Name]).toBeTypeOf('number');
      expect(['Count', 'Bytes', 'Milliseconds']).toContain(Unit);
    }
    expect(directive?.Metrics).toHaveLength(8);
  });

  test('leaves the lag out where there was no record', () => {
    expect(metricsLine(OF, COUNTS, 0)).not.toContain('lagMillis');
  });
});

test.each([
  { error: new Error('down', { cause: new TypeError('socket') }), text: 'Error: down (TypeError: socket)' },
  { error: 'a text', text: 'a text' },
])('an error is one line of JSON with its message and cause', ({ error, text }) => {
  expect(JSON.parse(logError(OF, error))).toEqual({ level: 'error', ...OF, error: text });
});
