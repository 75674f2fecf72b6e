import type { Routine } from '../plan/routine.ts';
import { routine } from '../plan/routine.ts';

/** An aggregate: its routine, whose code is the template of an accumulator, and what it keeps of a group. */
export interface Aggregate {
  readonly routine: Routine;
  /**
   * The types of the columns that hold its state. With DISTINCT or ORDER BY an aggregate keeps its rows in their place:
   * a text[] for each argument, and for each further expression of ORDER BY.
   */
  readonly state: readonly string[];
  /**
   * Whether a value can be taken out of the state again. Over rows that can be withdrawn, the others need a side table
   * of their values. The sum is then right, but may keep more zeros behind the point than Postgres shows, and NaN and
   * infinities stay.
   */
  readonly isInvertible: boolean;
}

/** `[signature, accumulator, types of the state, meaning]`; ` -` after the types: a value can be subtracted again. */
type Row = readonly [signature: string, accumulator: string, state: string, meaning: string];

const COUNTS: readonly Row[] = [
  ['count() bigint', '{aggregates/counts/countOfRows}', 'bigint -', 'counts the rows; written `count(*)`'],
  ['count(any) bigint', '{aggregates/counts/countOfValues}', 'bigint -', 'counts the values that are not null'],
];

const SUMS: readonly Row[] = [
  ['sum(integer) bigint', '{aggregates/sums/sumOfIntegers}', 'bigint -', 'adds'],
  ['sum(bigint) numeric', '{aggregates/sums/sumOfBigints}', 'numeric -', 'adds'],
  ['sum(numeric) numeric', '{aggregates/sums/sumOfDecimals}', 'numeric -', 'adds exactly'],
  [
    'sum(double precision) double precision',
    '{aggregates/sums/sumOfDoubles}',
    'double precision',
    'adds, in the order of the rows',
  ],
  ['sum(interval) interval', '{aggregates/sums/sumOfIntervals}', 'interval -', 'adds'],
  [
    'avg(integer) numeric',
    '{aggregates/sums/averageOfIntegers}',
    'bigint, numeric -',
    'the mean, with at least 16 significant digits',
  ],
  ['avg(bigint) numeric', '{aggregates/sums/averageOfBigints}', 'bigint, numeric -', 'the mean'],
  ['avg(numeric) numeric', '{aggregates/sums/averageOfDecimals}', 'bigint, numeric -', 'the mean'],
  [
    'avg(double precision) double precision',
    '{aggregates/double-variances/averageOfDoubles}',
    'bigint, double precision, double precision',
    'the mean',
  ],
  ['avg(interval) interval', '{aggregates/sums/averageOfIntervals}', 'bigint, interval -', 'the mean'],
];

const SPREADS: readonly Row[] = (
  [
    ['var_samp', 'sampleVariance', 'the variance of a sample; null for a single value'],
    ['variance', 'sampleVariance', 'the same as var_samp'],
    ['var_pop', 'variance', 'the variance of all values'],
    ['stddev_samp', 'sampleDeviation', 'the standard deviation of a sample; null for a single value'],
    ['stddev', 'sampleDeviation', 'the same as stddev_samp'],
    ['stddev_pop', 'deviation', 'the standard deviation of all values'],
  ] as const
).flatMap(([name, result, meaning]): Row[] => {
  const nullable = result.startsWith('sample') ? '?' : '';
  const exact = (type: string, spreads: string): Row => [
    `${name}(${type}) numeric${nullable}`,
    `{aggregates/decimal-variances/${spreads}}.${result}`,
    'bigint, numeric, numeric -',
    meaning,
  ];
  return [
    exact('integer', 'spreadsOfIntegers'),
    exact('bigint', 'spreadsOfBigints'),
    exact('numeric', 'spreadsOfDecimals'),
    [
      `${name}(double precision) double precision${nullable}`,
      `{aggregates/double-variances/spreadsOfDoubles}.${result}`,
      'bigint, double precision, double precision',
      meaning,
    ],
  ];
});

/** Postgres has no min and max of boolean, uuid and jsonb. */
const ORDERED = [
  'integer',
  'bigint',
  'numeric',
  'double precision',
  'text',
  'date',
  'timestamp',
  'timestamptz',
  'interval',
  'bytea',
  'anyarray',
] as const;

const EXTREMES: readonly Row[] = [
  ...ORDERED.map(
    (type): Row => [
      `min(${type}) ${type}`,
      type === 'numeric' ? '{aggregates/extremes/leastDecimal}' : '{aggregates/extremes/leastOf}(<compare>)',
      type,
      'the least value',
    ],
  ),
  ...ORDERED.map(
    (type): Row => [
      `max(${type}) ${type}`,
      type === 'numeric' ? '{aggregates/extremes/greatestDecimal}' : '{aggregates/extremes/greatestOf}(<compare>)',
      type,
      'the greatest value',
    ],
  ),
];

const OTHERS: readonly Row[] = [
  ['bool_and(boolean) boolean', '{aggregates/extremes/areAllTrue}', 'boolean', 'whether all values are true'],
  ['bool_or(boolean) boolean', '{aggregates/extremes/isAnyTrue}', 'boolean', 'whether any value is true'],
  ['every(boolean) boolean', '{aggregates/extremes/areAllTrue}', 'boolean', 'the same as bool_and'],
  ['any_value(anyelement) anyelement', '{aggregates/extremes/firstValue}', 'anyelement', 'the first value'],
  [
    'string_agg(text, text) text on null',
    '{aggregates/lists/textOfValues}',
    'text, text',
    'joins the texts that are not null, with the second argument between them',
  ],
  [
    'string_agg(bytea, bytea) bytea on null',
    '{aggregates/lists/bytesOfValues}',
    'bytea, bytea',
    'joins the bytes that are not null',
  ],
  [
    'array_agg(anyelement) anyarray on null',
    '{aggregates/lists/arrayOfValues}',
    'anyarray',
    'an array of all values, nulls too',
  ],
];

/** Aggregates that Postgres does not have: what ksqlDB calls LATEST_BY_OFFSET, TOPK and HISTOGRAM. */
const OWN: readonly Row[] = [
  [
    'latest(anyelement, any) anyelement? on null',
    '{aggregates/by-order/latestBy}(<compare>)',
    'anyelement, any',
    'the first argument in the row in which the second is greatest, as in `latest(status, updated)`; of equal rows the last',
  ],
  [
    'earliest(anyelement, any) anyelement? on null',
    '{aggregates/by-order/earliestBy}(<compare>)',
    'anyelement, any',
    'the first argument in the row in which the second is least; of equal rows the first',
  ],
  [
    'topk(anyelement, integer) anyarray',
    '{aggregates/greatest-values/greatestValues}(<compare>)',
    'anyarray',
    'the greatest values, the greatest first, as in `topk(sales, 3)`: at most 1,000',
  ],
  [
    'topkdistinct(anyelement, integer) anyarray',
    '{aggregates/greatest-values/greatestDistinct}(<compare>)',
    'anyarray',
    'the same, with equal values once',
  ],
  [
    'histogram(text) jsonb',
    '{aggregates/histograms/countsOfTexts}',
    'jsonb',
    'an object with the number of rows of each text: at most 10,000 texts',
  ],
];

/** Aggregates of Postgres that are not supported, although others of the same name are. */
const UNSUPPORTED: readonly Row[] = [
  ['array_agg(anyarray) anyarray', '', '', 'arrays of arrays are not supported: use string_agg(x::text, …)'],
  ['min(~network) text', '', '', ''],
  ['max(~network) text', '', '', ''],
  ['sum(~money) text', '', '', ''],
];

const aggregate = ([signature, accumulator, state, meaning]: Row): Aggregate => ({
  routine: routine([signature, accumulator, '', meaning]),
  state: state === '' ? [] : state.replace(/ -$/, '').split(', '),
  isInvertible: state.endsWith(' -'),
});

/** The aggregates by chapter of docs/sql.md. */
export const AGGREGATE_ROWS: readonly Aggregate[] = [
  ...COUNTS,
  ...SUMS,
  ...SPREADS,
  ...EXTREMES,
  ...OTHERS,
  ...OWN,
].map(aggregate);

/** All aggregates that take part in the choice of one. */
export const AGGREGATE_CANDIDATES: readonly Aggregate[] = [...AGGREGATE_ROWS, ...UNSUPPORTED.map(aggregate)];

/** What to use instead of aggregates that are not supported. */
export const OTHER_AGGREGATES: ReadonlyMap<string, string> = new Map([
  ['json_agg', 'use array_agg(x)'],
  ['jsonb_agg', 'use array_agg(x)'],
  ['collect_list', 'use array_agg(x)'],
  ['collect_set', 'use array_agg(DISTINCT x)'],
  ['count_distinct', 'use count(DISTINCT x)'],
  ['latest_by_offset', 'use latest(x, time of the row)'],
  ['earliest_by_offset', 'use earliest(x, time of the row)'],
]);
