import type { z } from 'zod';
import type { ReceivedEvent } from '../event.ts';
import { SideEvent, waitingRow } from '../join.ts';
import { memberRanges, textOf } from '../json/json-ranges.ts';
import { checkRowSize, type KeyedEvent, type PublishedEvent, type Table, type WithinForm } from '../table.ts';
import type { Output, Transform } from '../transform.ts';
import { type Compiled, rekeyed } from './joins/rekey.ts';
import { braced, readSide, type SideNames, sideEvent, sidesIn } from './joins/side-event.ts';
import { joinedRow, membersOf } from './joins/side-row.ts';
import type { JoinNames, SqlJoin } from './sql-join.ts';
import { runnerOf } from './sql-transform.ts';
import { timestamptzFromText, timestamptzJson } from './time/timestamps.ts';
import { EPOCH } from './windows/window.ts';

interface Definition<Inputs, To, S> {
  readonly entry: string;
  readonly file: string;
  readonly streams: S;
  readonly kind: 'inner' | 'left' | 'right' | 'full';
  /** How many columns the events are joined by. */
  readonly keys: number;
  /** How far the right event may be before and after the left one, and how late either may come. In milliseconds. */
  readonly within: { readonly before: number; readonly after: number; readonly grace: number };
  /** Says what is kept of both sides: another text is another state. */
  readonly shape: string;
  readonly inputs: Inputs;
  readonly to: To;
  /** For each side: projects an event. */
  readonly left: Compiled;
  readonly right: Compiled;
  /** Makes outputs of a row that holds both sides, or one of them. */
  readonly row: Compiled;
}

/** Makes a join of two streams of a compiled statement. */
export function sqlWithinJoin<
  const Inputs extends Record<string, z.ZodType>,
  To extends z.ZodType,
  const S extends JoinNames,
>(definition: Definition<Inputs, To, S>): SqlJoin<Inputs, To, S> {
  const { entry, inputs, to, streams } = definition;
  return { entry, inputs, to, streams, rekey: (input) => rekeying(definition, input), keep: joining(definition) };
}

type AnyDefinition = Definition<Record<string, z.ZodType>, z.ZodType, JoinNames>;
type Side = keyof SideNames;

/** Tests whether an event of a side comes out that meets none of the other. */
const mayBeAlone = ({ kind }: AnyDefinition, side: Side): boolean => kind === 'full' || kind === side;

function rekeying(definition: AnyDefinition, input: string): Transform {
  const { entry, inputs, file, streams, keys, within } = definition;
  const side: Side = input === streams.right ? 'right' : 'left';
  const project = runnerOf({ ...definition[side], file });
  const run: Transform['run'] = (event) =>
    sidesIn(project(event), keys)
      .filter(({ key }) => key !== null || mayBeAlone(definition, side))
      .map(({ key, body }) => sideEvent(event, { side: input, key, row: braced(body) }));
  return rekeyed({ entry, inputs, graceMillis: within.grace }, input, { run, reads: definition[side].columns });
}

/** An event of one side, as it waits and as it is joined. */
interface SideOf {
  readonly side: Side;
  readonly type: string;
  readonly micros: bigint;
  /** The members of its row, as JSON without braces. */
  readonly members: string;
}

function joining(definition: AnyDefinition): Table {
  const { entry, file, streams, within, shape } = definition;
  const run = runnerOf({ ...definition.row, file });
  const outputsOf = (key: string, sides: readonly SideOf[]): readonly Output[] => {
    const [left, right] = (['left', 'right'] as const).map((name) => sides.find(({ side }) => side === name));
    const micros = sides.map((one) => one.micros).reduce((latest, one) => (one > latest ? one : latest));
    const dataBytes = joinedRow(Buffer.from(left?.members ?? ''), Buffer.from(right?.members ?? ''));
    return run({
      id: '',
      source: '',
      key,
      type: (left ?? right)?.type ?? '',
      time: timestamptzJson(micros),
      dataBytes,
    });
  };
  const form: WithinForm = {
    shape,
    graceMillis: within.grace,
    aloneMillis: definition.kind === 'inner' ? undefined : Math.max(within.before, within.after),
    alone: readAlone,
  };
  return {
    entry,
    from: SideEvent,
    row: waitingRow,
    key: ['key'],
    publishesEvents: true,
    within: form,
    read(event) {
      const { side, id: key, row } = readSide(event, streams);
      const own: SideOf = { side, type: event.type, micros: timestamptzFromText(event.time), members: membersOf(row) };
      const alone = () => (mayBeAlone(definition, side) ? outputsOf(event.key, [own]) : []);
      if (key === 'null') return [unmet(event, alone)];
      return [waiting(definition, { event, own, key, alone, outputsOf: (sides) => outputsOf(event.key, sides) })];
    },
  };
}

/** An event without a key meets none, so it comes out at once. */
function unmet({ traceparent, position }: ReceivedEvent, alone: () => readonly Output[]): KeyedEvent {
  let published: readonly PublishedEvent[] = [];
  return {
    id: `null ${position}`,
    reduce() {
      published = alone().map((output) => ({ ...output, traceparent }));
      return undefined;
    },
    published: () => published,
  };
}

interface Given {
  readonly event: ReceivedEvent;
  readonly own: SideOf;
  /** JSON. */
  readonly key: string;
  alone(): readonly Output[];
  outputsOf(sides: readonly SideOf[]): readonly Output[];
}

/** What an event does that has a key: it meets those that are there, and waits for others. */
function waiting(definition: AnyDefinition, { event, own, key, alone, outputsOf }: Given): KeyedEvent {
  const { traceparent, position } = event;
  const { side, micros } = own;
  const { before, after } = definition.within;
  const [other, reach] = side === 'left' ? (['right', after] as const) : (['left', before] as const);
  const [earliest, latest] = side === 'left' ? [before, after] : [after, before];
  let published: readonly PublishedEvent[] = [];
  let comesAlone = false;
  return {
    id: JSON.stringify([key, side, position]),
    window: { start: floorMillis(micros), end: floorMillis(micros + 999n) + reach },
    reduce() {
      published = [];
      const outputs = alone();
      comesAlone = outputs.length > 0;
      const text = rowText(own, { key, input: definition.streams[side], traceparent, alone: outputs });
      checkRowSize(Buffer.byteLength(text));
      return text;
    },
    published: () => published,
    pairing: {
      group: `${side} ${key}`,
      others: `${other} ${key}`,
      meets(row) {
        const time = timeIn(row);
        return time >= micros - BigInt(earliest) * 1000n && time <= micros + BigInt(latest) * 1000n;
      },
      join(rows) {
        published = rows.flatMap((row) =>
          outputsOf([own, readWaiting(row, other)]).map((output) => ({ ...output, traceparent })),
        );
      },
      comesAlone: () => comesAlone,
    },
  };
}

/** Returns milliseconds from 1970, of microseconds from 2000. */
function floorMillis(micros: bigint): number {
  return Math.floor((Number(micros) - EPOCH) / 1000);
}

/** The time stands first: it is read of each row that may be met. */
const BEFORE_TIME = '{"time":"';

interface Waiting {
  readonly key: string;
  readonly input: string;
  readonly traceparent: string | undefined;
  readonly alone: readonly Output[];
}

function rowText(own: SideOf, { key, input, traceparent, alone }: Waiting): string {
  const outputs = alone.map(({ type, key: of, time, dataBytes }) => [
    type,
    of,
    time,
    Buffer.from(dataBytes).toString(),
  ]);
  const more = { side: input, key: JSON.parse(key) as string, type: own.type, traceparent };
  return `${BEFORE_TIME}${timestamptzJson(own.micros)}",${JSON.stringify(more).slice(1, -1)},"alone":${JSON.stringify(outputs)},"row":{${own.members}}}`;
}

function timeIn(row: string): bigint {
  return timestamptzFromText(row.slice(BEFORE_TIME.length, row.indexOf('"', BEFORE_TIME.length)));
}

function readWaiting(row: string, side: Side): SideOf {
  const bytes = Buffer.from(row);
  const members = memberRanges(bytes);
  const [type, of] = ['type', 'row'].map((name) => {
    const range = members.get(name);
    if (range === undefined) throw new Error(`a row that waits has no ${name}`);
    return textOf(bytes, range);
  });
  return { side, type: JSON.parse(type ?? '') as string, micros: timeIn(row), members: membersOf(of ?? '') };
}

/** Returns what was kept for an event that meets none: it is as the code has made it that took the event. */
function readAlone(row: string): readonly PublishedEvent[] {
  const { alone, traceparent } = JSON.parse(row) as {
    readonly alone: readonly (readonly [type: string, key: string, time: string, data: string])[];
    readonly traceparent?: string;
  };
  return alone.map(([type, key, time, data]) => ({ type, key, time, traceparent, dataBytes: Buffer.from(data) }));
}
