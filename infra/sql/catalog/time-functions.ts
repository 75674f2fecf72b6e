import type { Row } from '../plan/routine.ts';

const D = 'double precision';
const T = "timestamp '2026-11-22 18:34:56.789'";
const TZ = "timestamptz '2026-11-22 18:34:56.789Z'";

/** What make_interval takes. */
const INTERVAL_PARTS = ['integer', 'integer', 'integer', 'integer', 'integer', 'integer', D];

export const TIME_FUNCTIONS: readonly Row[] = [
  [
    'extract(text, date) numeric?',
    'time/timestamp-parts/extractDate',
    "extract(week FROM date '2026-11-22')",
    'a field of a date',
  ],
  [
    'extract(text, timestamp) numeric?',
    'time/timestamp-parts/extractTimestamp',
    `extract(second FROM ${T})`,
    'a field of a timestamp',
  ],
  [
    'extract(text, timestamptz) numeric?',
    'time/timestamp-parts/extractTimestamptz',
    `extract(epoch FROM ${TZ})`,
    'a field of a timestamptz, in UTC',
  ],
  [
    'extract(text, interval) numeric?',
    'time/interval-parts/extractInterval',
    "extract(epoch FROM interval '1 day 02:30')",
    'a field of an interval; epoch: all of it in seconds',
  ],
  [
    `date_part(text, interval) ${D}?`,
    'time/interval-parts/datePartInterval',
    "date_part('hour', interval '1 day 02:30')",
    'a field, as double precision',
  ],
  [
    `date_part(text, date) ${D}?`,
    'time/timestamp-parts/datePartDate',
    "date_part('year', date '2026-11-22')",
    'a field, as double precision',
  ],
  [
    `date_part(text, timestamp) ${D}?`,
    'time/timestamp-parts/datePartTimestamp',
    `date_part('hour', ${T})`,
    'a field, as double precision',
  ],
  [
    `date_part(text, timestamptz) ${D}?`,
    'time/timestamp-parts/datePartTimestamptz',
    `date_part('dow', ${TZ})`,
    'a field, as double precision',
  ],
  [
    'date_trunc(text, timestamp) timestamp',
    'time/timestamp-parts/dateTrunc',
    `date_trunc('hour', ${T})`,
    'the start of its hour, week, year, …',
  ],
  [
    'date_trunc(text, timestamptz) timestamptz',
    'time/timestamp-parts/dateTrunc',
    `date_trunc('week', ${TZ})`,
    'the start of its hour, week, year, …, in UTC',
  ],
  [
    'date_trunc(text, timestamptz, text) timestamptz',
    'time/zones/dateTruncInZone',
    `date_trunc('day', ${TZ}, 'UTC')`,
    'the same, with the zone written; other zones than UTC are refused',
  ],
  [
    'date_trunc(text, interval) interval',
    'time/interval-parts/truncateInterval',
    "date_trunc('hour', interval '1 day 02:30')",
    'without what is smaller than a field',
  ],
  [
    'date_bin(interval, timestamp, timestamp) timestamp',
    'time/intervals/dateBin',
    `date_bin('15 minutes', ${T}, timestamp '2026-01-01')`,
    'the start of its stride, from an origin',
  ],
  [
    'date_bin(interval, timestamptz, timestamptz) timestamptz',
    'time/intervals/dateBin',
    `date_bin('15 minutes', ${TZ}, timestamptz '2026-01-01Z')`,
    'the start of its stride, from an origin',
  ],
  [
    `to_timestamp(${D}) timestamptz`,
    'time/timestamps/toTimestamp',
    'to_timestamp(1795372496.5)',
    'from seconds since 1970',
  ],
  [
    'to_timestamp(text, text) timestamptz',
    'time/time-readers/readTimestamp',
    "to_timestamp('22/11/2026 18:34', 'DD/MM/YYYY HH24:MI')",
    'a text that is written exactly so, in UTC',
  ],
  [
    'to_date(text, text) date',
    'time/time-readers/readDate',
    "to_date('22 Nov 2026', 'DD Mon YYYY')",
    'a text that is written exactly so',
  ],
  [
    'to_char(timestamp, text) text?',
    'time/time-formats/formatTimestamp',
    `to_char(${T}, 'YYYY-MM-DD"T"HH24:MI:SS.MS')`,
    'written by a format',
  ],
  [
    'to_char(timestamptz, text) text?',
    'time/time-formats/formatTimestamp',
    `to_char(${TZ}, 'FMDay, FMDD FMMonth YYYY')`,
    'written by a format, in UTC',
  ],
  [
    'make_date(integer, integer, integer) date',
    'time/dates/makeDate',
    'make_date(2026, 11, 22)',
    'from year, month and day',
  ],
  [
    `make_timestamp(integer, integer, integer, integer, integer, ${D}) timestamp`,
    'time/timestamp-parts/makeTimestamp',
    'make_timestamp(2026, 11, 22, 18, 34, 56.5)',
    'from its fields',
  ],
  [
    `make_timestamptz(integer, integer, integer, integer, integer, ${D}) timestamptz`,
    'time/timestamp-parts/makeTimestamp',
    'make_timestamptz(2026, 11, 22, 18, 34, 56.5)',
    'from its fields, in UTC',
  ],
  [
    `make_timestamptz(integer, integer, integer, integer, integer, ${D}, text) timestamptz`,
    'time/zones/makeTimestampInZone',
    "make_timestamptz(2026, 11, 22, 18, 34, 56.5, 'UTC')",
    'the same, with the zone written; other zones than UTC are refused',
  ],
  ...INTERVAL_PARTS.map(
    (_, count): Row => [
      `make_interval(${INTERVAL_PARTS.slice(0, count + 1).join(', ')}) interval`,
      'time/intervals/makeInterval',
      count === 3
        ? 'make_interval(days => 10, hours => 6)'
        : `make_interval(${INTERVAL_PARTS.slice(0, count + 1)
            .map((_part, i) => i + 1)
            .join(', ')})`,
      'from years, months, weeks, days, hours, mins and secs; those that are not named are 0',
    ],
  ),
  [
    'age(timestamp, timestamp) interval',
    'time/interval-parts/age',
    `age(${T}, timestamp '2024-02-29')`,
    'years, months and days between',
  ],
  [
    'age(timestamptz, timestamptz) interval',
    'time/interval-parts/age',
    `age(${TZ}, timestamptz '2024-02-29Z')`,
    'years, months and days between, in UTC',
  ],
  [
    'justify_hours(interval) interval',
    'time/interval-parts/justifyHours',
    "justify_hours('50 hours')",
    '24 hours become a day',
  ],
  [
    'justify_days(interval) interval',
    'time/interval-parts/justifyDays',
    "justify_days('50 days')",
    '30 days become a month',
  ],
  [
    'justify_interval(interval) interval',
    'time/interval-parts/justifyInterval',
    "justify_interval('1 mon -1 hour')",
    'both, with one sign for all',
  ],
  [
    'isfinite(interval) boolean',
    'time/interval-parts/isFiniteInterval',
    "isfinite(interval '1 day')",
    'whether it has an end',
  ],
  ['isfinite(date) boolean', 'time/dates/isFiniteDate', "isfinite(date 'infinity')", 'whether it is a real date'],
  ['isfinite(timestamp) boolean', 'time/timestamps/isFiniteTimestamp', `isfinite(${T})`, 'whether it is a real moment'],
  [
    'isfinite(timestamptz) boolean',
    'time/timestamps/isFiniteTimestamp',
    `isfinite(${TZ})`,
    'whether it is a real moment',
  ],
  [
    'timezone(text, timestamp) timestamptz',
    'time/zones/fromUtc',
    `${T} AT TIME ZONE 'UTC'`,
    'reads a timestamp as UTC; other zones are refused',
  ],
  [
    'timezone(text, timestamptz) timestamp',
    'time/zones/toUtc',
    `${TZ} AT TIME ZONE 'UTC'`,
    'a timestamptz in UTC; other zones are refused',
  ],
];
