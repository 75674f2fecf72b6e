import { openLogWriter } from '../../functions/runtime/log/log-writer.ts';
import { appendPage } from '../../functions/runtime/pull/append-page.ts';
import type { PullState } from '../../functions/runtime/pull/pull-state.ts';
import type { PulledStep } from '../../functions/runtime/pull/pulled-step.ts';
import type { ChangesPosition } from '../../functions/sources/postgres-changes/position.ts';
import { postgresChangesDefinition } from '../../functions/sources/postgres-changes/postgres-changes.ts';
import { noDeadline } from '../eventually.ts';

const SHARDS = [{ id: 'shard-0', from: 0n, to: (1n << 128n) - 1n, parents: [], open: true }];

type Source = ReturnType<typeof openOrders>;

/** Opens the source of the table `orders`, of a server with these fields. */
export function openOrders(resources: object) {
  return postgresChangesDefinition.open({
    step: 'bench/changes',
    pipelines: ['bench'],
    options: postgresChangesDefinition.options.parse({ tables: ['orders'], snapshot: 'none', create: true }),
    resources: postgresChangesDefinition.resources.parse(resources),
  });
}

/** Makes the slot. Resolves to the position from which on changes are read. */
export async function begin(source: Source): Promise<ChangesPosition> {
  for await (const { position } of source.read(undefined, turn())) if (position.read) return position;
  throw new Error('no slot was made');
}

/**
 * Reads that many rows as a function does, and appends them to a stream that takes everything. Resolves to how many
 * were read.
 */
export async function readRows(source: Source, from: ChangesPosition, rows: number): Promise<number> {
  const writer = openLogWriter({
    kinesis: { send: takeAll } as never,
    stream: 'arn:aws:kinesis:eu-west-1:000000000000:stream/bench',
    maxRecordBytes: 1024 * 1024,
    shape: { arn: 'arn:bench', maxRecordBytes: 1024 * 1024, shards: SHARDS },
  });
  const step = {
    name: 'bench/changes',
    config: { generation: 'bench' },
    deadLetters: { put: async () => undefined },
    now: Date.now,
    report: () => undefined,
  };
  const pulled = { source, outputs: { writerOf: () => writer }, step } as unknown as PulledStep<ChangesPosition>;
  let state: PullState = { id: 'bench', open: false, atMillis: 0 };
  let read = 0;
  for await (const page of source.read(from, turn())) {
    state = await appendPage(pulled, { state, page }, noDeadline());
    read += page.events.length;
    if (read >= rows) break;
  }
  return read;
}

function turn() {
  return { ending: noDeadline(), signal: noDeadline(), most: 10_000 };
}

async function takeAll({ input }: { input: { Records: readonly unknown[] } }): Promise<unknown> {
  return { Records: input.Records.map(() => ({ SequenceNumber: '1', ShardId: 'shard-0' })), FailedRecordCount: 0 };
}
