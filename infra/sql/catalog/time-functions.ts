import type { Row } from '../plan/routine.ts';

const D = 'double precision';
const T = "timestamp '2026-11-22 18:34:56.789'";
const TZ = "timestamptz '2026-11-22 18:34:56.789Z'";

/** The types of make_interval's parameters. */
const INTERVAL_PARTS = ['integer', 'integer', 'integer', 'integer', 'integer', 'integer', D];

export const TIME_FUNCTIONS: readonly Row[] = [
  [
    'extract(text, date) numeric?',
    'time/timestamp-parts/extractDate',
    "extract(week FROM date '2026-11-22')",
    'takes a field of a date',
  ],
  [
    'extract(text, timestamp) numeric?',
    'time/timestamp-parts/extractTimestamp',
    `extract(second FROM ${T})`,
    'takes a field of a timestamp',
  ],
  [
    'extract(text, timestamptz) numeric?',
    'time/timestamp-parts/extractTimestamptz',
    `extract(epoch FROM ${TZ})`,
    'takes a field of a timestamptz, in UTC',
  ],
  [
    'extract(text, interval) numeric?',
    'time/interval-parts/extractInterval',
    "extract(epoch FROM interval '1 day 02:30')",
    'takes a field of an interval; epoch is the whole interval in seconds',
  ],
  [
    `date_part(text, interval) ${D}?`,
    'time/interval-parts/datePartInterval',
    "date_part('hour', interval '1 day 02:30')",
    'takes a field, as double precision',
  ],
  [
    `date_part(text, date) ${D}?`,
    'time/timestamp-parts/datePartDate',
    "date_part('year', date '2026-11-22')",
    'takes a field, as double precision',
  ],
  [
    `date_part(text, timestamp) ${D}?`,
    'time/timestamp-parts/datePartTimestamp',
    `date_part('hour', ${T})`,
    'takes a field, as double precision',
  ],
  [
    `date_part(text, timestamptz) ${D}?`,
    'time/timestamp-parts/datePartTimestamptz',
    `date_part('dow', ${TZ})`,
    'takes a field, as double precision',
  ],
  [
    'date_trunc(text, timestamp) timestamp',
    'time/timestamp-parts/dateTrunc',
    `date_trunc('hour', ${T})`,
    'gives the start of the hour, week, year, … of a moment',
  ],
  [
    'date_trunc(text, timestamptz) timestamptz',
    'time/timestamp-parts/dateTrunc',
    `date_trunc('week', ${TZ})`,
    'gives the start of the hour, week, year, … of a moment, in UTC',
  ],
  [
    'date_trunc(text, timestamptz, text) timestamptz',
    'time/zones/dateTruncInZone',
    `date_trunc('day', ${TZ}, 'UTC')`,
    'does the same in a time zone; only UTC is supported',
  ],
  [
    'date_trunc(text, interval) interval',
    'time/interval-parts/truncateInterval',
    "date_trunc('hour', interval '1 day 02:30')",
    'sets the fields smaller than this one to 0',
  ],
  [
    'date_bin(interval, timestamp, timestamp) timestamp',
    'time/intervals/dateBin',
    `date_bin('15 minutes', ${T}, timestamp '2026-01-01')`,
    'gives the start of the stride that a moment falls into, counted from an origin',
  ],
  [
    'date_bin(interval, timestamptz, timestamptz) timestamptz',
    'time/intervals/dateBin',
    `date_bin('15 minutes', ${TZ}, timestamptz '2026-01-01Z')`,
    'gives the start of the stride that a moment falls into, counted from an origin',
  ],
  [
    `to_timestamp(${D}) timestamptz`,
    'time/timestamps/toTimestamp',
    'to_timestamp(1795372496.5)',
    'converts seconds since 1970-01-01 UTC',
  ],
  [
    'to_timestamp(text, text) timestamptz',
    'time/time-readers/readTimestamp',
    "to_timestamp('22/11/2026 18:34', 'DD/MM/YYYY HH24:MI')",
    'reads a text that is written exactly as the format says, in UTC',
  ],
  [
    'to_date(text, text) date',
    'time/time-readers/readDate',
    "to_date('22 Nov 2026', 'DD Mon YYYY')",
    'reads a text that is written exactly as the format says',
  ],
  [
    'to_char(timestamp, text) text?',
    'time/time-formats/formatTimestamp',
    `to_char(${T}, 'YYYY-MM-DD"T"HH24:MI:SS.MS')`,
    'writes a moment as the format says',
  ],
  [
    'to_char(timestamptz, text) text?',
    'time/time-formats/formatTimestamp',
    `to_char(${TZ}, 'FMDay, FMDD FMMonth YYYY')`,
    'writes a moment as the format says, in UTC',
  ],
  [
    'make_date(integer, integer, integer) date',
    'time/dates/makeDate',
    'make_date(2026, 11, 22)',
    'makes a date of year, month and day',
  ],
  [
    `make_timestamp(integer, integer, integer, integer, integer, ${D}) timestamp`,
    'time/timestamp-parts/makeTimestamp',
    'make_timestamp(2026, 11, 22, 18, 34, 56.5)',
    'makes a timestamp of year, month, day, hour, minute and second',
  ],
  [
    `make_timestamptz(integer, integer, integer, integer, integer, ${D}) timestamptz`,
    'time/timestamp-parts/makeTimestamp',
    'make_timestamptz(2026, 11, 22, 18, 34, 56.5)',
    'makes a timestamptz of year, month, day, hour, minute and second, in UTC',
  ],
  [
    `make_timestamptz(integer, integer, integer, integer, integer, ${D}, text) timestamptz`,
    'time/zones/makeTimestampInZone',
    "make_timestamptz(2026, 11, 22, 18, 34, 56.5, 'UTC')",
    'does the same in a time zone; only UTC is supported',
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
      'makes an interval of years, months, weeks, days, hours, mins and secs; each one left out is 0',
    ],
  ),
  [
    'age(timestamp, timestamp) interval',
    'time/interval-parts/age',
    `age(${T}, timestamp '2024-02-29')`,
    'gives the interval between two moments, in years, months and days',
  ],
  [
    'age(timestamptz, timestamptz) interval',
    'time/interval-parts/age',
    `age(${TZ}, timestamptz '2024-02-29Z')`,
    'gives the interval between two moments, in years, months and days, in UTC',
  ],
  [
    'justify_hours(interval) interval',
    'time/interval-parts/justifyHours',
    "justify_hours('50 hours')",
    'converts each 24 hours to a day',
  ],
  [
    'justify_days(interval) interval',
    'time/interval-parts/justifyDays',
    "justify_days('50 days')",
    'converts each 30 days to a month',
  ],
  [
    'justify_interval(interval) interval',
    'time/interval-parts/justifyInterval',
    "justify_interval('1 mon -1 hour')",
    'converts hours to days and days to months, so that all fields have one sign',
  ],
  [
    'isfinite(interval) boolean',
    'time/interval-parts/isFiniteInterval',
    "isfinite(interval '1 day')",
    'tests whether the interval is not infinity',
  ],
  [
    'isfinite(date) boolean',
    'time/dates/isFiniteDate',
    "isfinite(date 'infinity')",
    'tests whether the date is not infinity',
  ],
  [
    'isfinite(timestamp) boolean',
    'time/timestamps/isFiniteTimestamp',
    `isfinite(${T})`,
    'tests whether the moment is not infinity',
  ],
  [
    'isfinite(timestamptz) boolean',
    'time/timestamps/isFiniteTimestamp',
    `isfinite(${TZ})`,
    'tests whether the moment is not infinity',
  ],
  [
    'timezone(text, timestamp) timestamptz',
    'time/zones/fromUtc',
    `${T} AT TIME ZONE 'UTC'`,
    'takes a timestamp as UTC; only UTC is supported',
  ],
  [
    'timezone(text, timestamptz) timestamp',
    'time/zones/toUtc',
    `${TZ} AT TIME ZONE 'UTC'`,
    'gives the UTC time of a timestamptz; only UTC is supported',
  ],
];
