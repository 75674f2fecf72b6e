import type { AggregateCall } from './plan/grouping.ts';
import type { SqlType } from './plan/sql-type.ts';
import { typeName } from './plan/sql-type.ts';
import type { Windowing } from './plan/window.ts';
import { windowsPerEvent } from './plan/window.ts';

/** Returns the lines of the plan about WINDOW. */
export function windowLines(window: Windowing, time: string): readonly string[] {
  const { kind, size, advance, grace, retention, emit } = window;
  const shape =
    kind === 'session'
      ? `sessions of rows at most ${durationText(size)} apart`
      : kind === 'hopping'
        ? `hopping windows of ${durationText(size)}, one every ${durationText(advance)}`
        : `tumbling windows of ${durationText(size)}`;
  return [
    `in ${shape}, by ${time}`,
    `  grace period ${durationText(grace)}, retention ${durationText(retention)}, emit ${emit}`,
  ];
}

/** Returns the lines about what windows cost. */
export function windowCostLines(window: Windowing, aggregates: readonly AggregateCall[]): readonly string[] {
  const count = windowsPerEvent(window);
  const joins =
    window.kind === 'session'
      ? 'an event falls into 1 session; it may make one session of two'
      : `an event falls into ${window.size % window.advance === 0 ? '' : 'up to '}${count} window${count === 1 ? '' : 's'}`;
  return [joins, stateText(aggregates)];
}

/** The two bounds of a window. */
const BOUNDS = 16;

function stateText(aggregates: readonly AggregateCall[]): string {
  const sizes = aggregates.flatMap(({ state }) => state.map(sizeOf));
  const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), BOUNDS);
  const growing = aggregates.filter(({ state }) => state.some((type) => sizeOf(type) === undefined));
  const names = [...new Set(growing.map(({ resolved }) => resolved.routine.name))];
  const more =
    names.length === 0 ? '' : `, and the values that ${names.join(' and ')} keep${names.length === 1 ? 's' : ''}`;
  return `state of an open window: about ${bytes} bytes${more}, beside the group's key`;
}

const SIZES: Readonly<Record<string, number>> = {
  boolean: 1,
  integer: 4,
  bigint: 8,
  'double precision': 8,
  numeric: 12,
  date: 4,
  timestamp: 8,
  timestamptz: 8,
  interval: 16,
  uuid: 16,
};

/** Returns about how many bytes a column of a state takes; undefined if that depends on the values. */
const sizeOf = (type: SqlType): number | undefined => SIZES[typeName(type)];

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
  ['millisecond', 1],
] as const;

/** Writes a duration in the longest unit of which it is a whole number. */
export function durationText(millis: number): string {
  const [name, length] = UNITS.find(([, unit]) => millis % unit === 0 && millis >= unit) ?? ['second', 1000];
  const count = millis / length;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
