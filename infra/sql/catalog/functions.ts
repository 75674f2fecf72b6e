import type { Routine } from '../plan/routine.ts';
import { routine } from '../plan/routine.ts';
import { ARRAY_FUNCTIONS, JSON_FUNCTIONS } from './json-functions.ts';
import { NUMBER_FUNCTIONS } from './number-functions.ts';
import { TEXT_FUNCTIONS } from './text-functions.ts';
import { TIME_FUNCTIONS } from './time-functions.ts';

/** The functions by chapter of docs/sql.md. */
export const CHAPTERS: readonly { readonly title: string; readonly routines: readonly Routine[] }[] = [
  { title: 'Text', routines: TEXT_FUNCTIONS.map(routine) },
  { title: 'Numbers', routines: NUMBER_FUNCTIONS.map(routine) },
  { title: 'Dates and times', routines: TIME_FUNCTIONS.map(routine) },
  { title: 'JSON', routines: JSON_FUNCTIONS.map(routine) },
  { title: 'Arrays', routines: ARRAY_FUNCTIONS.map(routine) },
];

export const FUNCTIONS: readonly Routine[] = CHAPTERS.flatMap((chapter) => chapter.routines);

/** Functions that can be called with named arguments. An argument that is left out is 0. */
export const NAMED_ARGUMENTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['make_interval', ['years', 'months', 'weeks', 'days', 'hours', 'mins', 'secs']],
]);

export const AGGREGATES: ReadonlySet<string> = new Set([
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'array_agg',
  'string_agg',
  'bool_and',
  'bool_or',
  'every',
  'json_agg',
  'jsonb_agg',
  'json_object_agg',
  'jsonb_object_agg',
  'stddev',
  'stddev_pop',
  'stddev_samp',
  'variance',
  'var_pop',
  'var_samp',
  'corr',
  'mode',
  'percentile_cont',
  'percentile_disc',
  'any_value',
  // Ours.
  'earliest',
  'latest',
  // ksqlDB's.
  'latest_by_offset',
  'earliest_by_offset',
  'collect_list',
  'collect_set',
  'count_distinct',
  'histogram',
  'topk',
  'topkdistinct',
]);

/** Functions whose result does not depend on their arguments alone, and what to use instead. */
export const VOLATILE: ReadonlyMap<string, string> = new Map([
  ...[
    'now',
    'clock_timestamp',
    'statement_timestamp',
    'transaction_timestamp',
    'timeofday',
    'current_timestamp',
    'current_date',
    'current_time',
    'localtime',
    'localtimestamp',
  ].map(
    (name) => [name, 'use `time`, the time of the event: processing an event again must give the same result'] as const,
  ),
  ...['random', 'random_normal', 'setseed', 'array_sample', 'array_shuffle'].map(
    (name) =>
      [
        name,
        'derive a number from the event, such as from md5(id): processing an event again must give the same result',
      ] as const,
  ),
  ...['gen_random_uuid', 'uuidv4', 'uuidv7'].map(
    (name) => [name, 'use `id`, the id of the event: processing an event again must give the same result'] as const,
  ),
  ...['nextval', 'currval', 'lastval', 'pg_sleep'].map((name) => [name, 'a transform has no database'] as const),
]);
