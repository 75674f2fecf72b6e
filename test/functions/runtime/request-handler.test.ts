import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openRequestHandler } from '../../../functions/runtime/request-handler.ts';
import { type AppendOutcome, defineSource, type ReceivingSource } from '../../../functions/runtime/source.ts';
import { parseStepConfig } from '../../../functions/runtime/step-config.ts';
import type { LogClient } from '../../../infra/emulator/log/client.ts';
import type { Log } from '../../../infra/emulator/log/log.ts';
import { eventsOf, invocation } from './engine-kit.ts';
import { logWith, STREAM } from './log/log-kit.ts';

interface Sent {
  readonly data: string;
  readonly source?: string;
  readonly sequence?: string;
}

/** A source that takes lists of texts, and replies with the outcome of the append. */
const texts = defineSource({
  options: z.object({}),
  resources: z.object({}),
  open: (): ReceivingSource<readonly Sent[], AppendOutcome> => ({
    receive: async (request) => ({
      events: request.map(({ data, ...own }) => ({
        ...own,
        type: 'text.sent',
        time: '2026-01-01T00:00:00Z',
        key: 'k',
        dataBytes: Buffer.from(JSON.stringify(data)),
      })),
      reply: (append) => append,
    }),
  }),
});

describe('a source that answers requests', () => {
  let log: Log;
  let client: LogClient;
  const lines: string[] = [];
  beforeEach(() => {
    ({ log, client } = logWith(1));
    lines.length = 0;
  });

  /** A table without items: nothing is paused. */
  const emptyTable = { send: async () => ({}) } as never;

  const open = (processId: string, kinesis: LogClient = client) =>
    openRequestHandler(texts, {
      config: parseStepConfig(
        JSON.stringify({
          pipeline: 'p',
          step: 's',
          stage: 'test',
          generation: 'g',
          checkpoints: 'c',
          deadLetters: 'd',
          options: {},
          resources: {},
          output: { stream: STREAM },
        }),
      ),
      kinesis,
      dynamodb: emptyTable,
      processId,
      now: () => 0,
      log: (line: string) => lines.push(line),
    });

  test('replies after the log has acknowledged, and numbers the events of its process', async () => {
    const handler = open('one');
    expect(await handler([{ data: 'a' }, { data: 'b' }], invocation())).toEqual({ outcome: 'appended', count: 2 });
    await handler([{ data: 'c' }], invocation());
    await open('two')([{ data: 'd' }], invocation());
    const events = eventsOf(log, STREAM);
    expect(events.map(({ source, data }) => [source, data])).toEqual([
      ['/p/s/process/one', 'a'],
      ['/p/s/process/one', 'b'],
      ['/p/s/process/one', 'c'],
      ['/p/s/process/two', 'd'],
    ]);
    const sequences = events.slice(0, 3).map(({ sequence }) => sequence);
    expect([...sequences].sort()).toEqual(sequences);
  });

  test('keeps the source and sequence that a client gave', async () => {
    await open('one')([{ data: 'a', source: '/shop', sequence: '7' }], invocation());
    expect(eventsOf(log, STREAM)).toMatchObject([{ source: '/shop', sequence: '7' }]);
  });

  test('appends no event under the name of a step, even when the source lets one through', async () => {
    const sent = [{ data: 'a' }, { data: 'b', source: '/p/cleaning/x', sequence: '7' }];
    await expect(open('one')(sent, invocation())).rejects.toThrow("which belongs to pipeline 'p'");
    expect(eventsOf(log, STREAM)).toEqual([]);
  });

  test('appends no event of a request with one that is too large', async () => {
    const reply = await open('one')([{ data: 'a' }, { data: 'x'.repeat(2_000_000) }], invocation());
    expect(reply).toMatchObject({ outcome: 'too-large', refused: [{ index: 1 }] });
    expect(eventsOf(log, STREAM)).toEqual([]);
  });

  test.each([
    { name: 'ProvisionedThroughputExceededException', outcome: 'throttled' },
    { name: 'AccessDeniedException', outcome: 'failed' },
  ])('replies $outcome when PutRecords ends in $name', async ({ name, outcome }) => {
    const kinesis = {
      send: (command: object) =>
        command.constructor.name === 'PutRecordsCommand'
          ? Promise.reject(Object.assign(new Error('no'), { name, $fault: 'client' }))
          : client.send(command as never),
    } as LogClient;
    expect(await open('one', kinesis)([{ data: 'a' }], invocation(2_000))).toEqual({ outcome });
    expect(lines[0]).toContain('"level":"error"');
  });
});
