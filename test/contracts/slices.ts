import type { HashRange, ReceivedEvent } from '../../functions/runtime/event.ts';
import { onOneLine } from '../../functions/runtime/json/json-bytes.ts';
import { type Position, positionOf, sequenceNumberOf } from '../../functions/runtime/position.ts';
import type { Rejection } from '../../functions/runtime/rejection.ts';
import type { OutboxProgress, Published, Slice } from '../../functions/runtime/sink.ts';
import { noDeadline } from '../eventually.ts';

/** What a test says about an event; the other attributes follow from its index in the log. */
export interface Given {
  readonly data: unknown;
  /** The data's JSON, when JSON.stringify would not write it so. */
  readonly json?: string;
  readonly time?: string;
  readonly key?: string;
  readonly type?: string;
  /** Set on an event that stands in every shard: the parts of the hash space for which it counts. */
  readonly parts?: readonly HashRange[];
  /** Set on an event that was put back: for whom, and where it was refused. */
  readonly redriven?: { readonly redrivenFor: string; readonly redrivenFrom?: string };
}

/** Makes a log of one shard: event 0 has sequence number 1, and so on. */
export function logOf(given: readonly Given[]): readonly ReceivedEvent[] {
  return given.map((one, index) => {
    const {
      data,
      json = JSON.stringify(data),
      time = '2026-11-22T10:00:00Z',
      key = 'key',
      type = 'thing.happened',
      parts,
      redriven = { redrivenFor: undefined },
    } = one;
    const id = `event-${index}`;
    const attributes = JSON.stringify({ specversion: '1.0', id, source: '/test', type, time });
    const dataBytes = Buffer.from(json);
    const original = Buffer.concat([Buffer.from(`${attributes.slice(0, -1)},"data":`), dataBytes, Buffer.from('}')]);
    return {
      id,
      source: '/test',
      type,
      time,
      key,
      traceparent: undefined,
      ...(parts === undefined ? {} : { parts }),
      ...redriven,
      lateAt: undefined,
      sequence: String(index).padStart(10, '0'),
      position: positionOf(String(index + 1), 0),
      bytes: onOneLine(original),
      original,
      dataBytes,
      get data() {
        return JSON.parse(json);
      },
    };
  });
}

/** Returns the position just after the first `count` events; undefined before the first. */
export function positionAfter(count: number): Position | undefined {
  return count === 0 ? undefined : positionOf(String(count), 0);
}

export interface SliceOf {
  readonly events: readonly ReceivedEvent[];
  readonly from?: Position | undefined;
  readonly to?: Position;
  readonly shard?: string;
  /** The number of events in a page. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
  readonly step?: string;
  /** The revision that the slice's progress replaces. */
  readonly previous?: number;
  /** The pages of its progress. */
  readonly pages?: Readonly<Record<string, string>>;
  /** True for a slice of data that are made again: the sink keeps its dead letters. */
  readonly keepsLetters?: boolean;
  /** The version of each event; by default its place in the log, from 1. */
  readonly versionOf?: (event: ReceivedEvent) => bigint | undefined;
  /** Makes what the sink commits of the events that it publishes. */
  readonly outbox?: (published: Published | undefined) => OutboxProgress;
}

/** Makes a slice as the runtime does. The state of its progress lists the rejections: `{ to, rejections: [at, …] }`. */
export function sliceOf(of: SliceOf): Slice {
  const { events, from, shard = 'stream/shardId-000000000000', pageSize = 1000, step = 'test/sink', previous = 0 } = of;
  const to = of.to ?? events.at(-1)?.position;
  if (to === undefined) throw new Error('a slice without events needs `to`');
  return {
    shard,
    from,
    to,
    pages: pagesOf(events, pageSize),
    signal: of.signal ?? noDeadline(),
    versionOf: of.versionOf ?? (({ position }) => BigInt(sequenceNumberOf(position))),
    progress: (rejections, published) => ({
      step,
      shard,
      previous,
      revision: previous + 1,
      state: stateOf(published?.upTo ?? to, rejections),
      outbox: of.outbox?.(published),
      pages: new Map(Object.entries(of.pages ?? {})),
      ...(of.keepsLetters === true ? { letters: rejections } : {}),
    }),
  };
}

function stateOf(to: Position, rejections: readonly Rejection[]): string {
  return JSON.stringify({ to, rejections: rejections.map(({ at }) => at) });
}

async function* pagesOf<T>(events: readonly T[], pageSize: number): AsyncIterable<readonly T[]> {
  for (let start = 0; start < events.length; start += pageSize) yield events.slice(start, start + pageSize);
}
