import type { Row } from '../plan/routine.ts';
import type { ScalarName } from '../plan/sql-type.ts';
import { SCALAR_NAMES, scalar } from '../plan/sql-type.ts';
import { factsOf } from './type-facts.ts';

const SAMPLES: Record<string, readonly [string, string]> = {
  boolean: ['true', 'false'],
  integer: ['1', '2'],
  bigint: ['1::bigint', '2::bigint'],
  'double precision': ["'NaN'::double precision", '2::double precision'],
  numeric: ['1.0', '1.00'],
  text: ["'a'::text", "'B'::text"],
  date: ["date '2026-01-01'", "date 'infinity'"],
  timestamp: ["timestamp '2026-01-01'", "timestamp '2026-01-01 00:00:01'"],
  timestamptz: ["timestamptz '2026-01-01 02:00+02'", "timestamptz '2026-01-01Z'"],
  interval: ["interval '30 days'", "interval '1 month'"],
  uuid: ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'00000000-0000-0000-0000-000000000000'::uuid"],
  jsonb: [`'{"a": 1}'::jsonb`, `'{"a": 1.0}'::jsonb`],
  bytea: ["'\\x01'::bytea", "'\\x02'::bytea"],
};

const COMPARISONS = ['=', '<>', '<', '<=', '>', '>='] as const;

const comparisons: readonly Row[] = SCALAR_NAMES.flatMap((name) =>
  COMPARISONS.map((operator): Row => {
    const [a, b] = SAMPLES[name] ?? ['', ''];
    return [`${operator}(${name}, ${name}) boolean`, comparison(operator, name), `${a} ${operator} ${b}`, 'compares'];
  }),
);

function comparison(operator: (typeof COMPARISONS)[number], name: ScalarName): string {
  const { compare, equal, plain } = factsOf(scalar(name));
  if (operator === '=') return plain ? '$1 === $2' : `${equal}($1, $2)`;
  if (operator === '<>') return plain ? '$1 !== $2' : `!${equal}($1, $2)`;
  return plain && name !== 'boolean' && name !== 'text' ? `$1 ${operator} $2` : `${compare}($1, $2) ${operator} 0`;
}

const MIXED: readonly Row[] = (['timestamp', 'timestamptz'] as const).flatMap((type) =>
  COMPARISONS.flatMap((operator): Row[] => {
    const javascript = operator === '=' ? '===' : operator === '<>' ? '!==' : operator;
    const moment = `${type} '2026-01-01 12:00'`;
    return [
      [
        `${operator}(date, ${type}) boolean`,
        `{time/dates/compareDateToTimestamp}($1, $2) ${javascript} 0`,
        `date '2026-01-01' ${operator} ${moment}`,
        'compares',
      ],
      [
        `${operator}(${type}, date) boolean`,
        `{time/dates/compareTimestampToDate}($1, $2) ${javascript} 0`,
        `${moment} ${operator} date '2026-01-01'`,
        'compares',
      ],
    ];
  }),
);

/** Comparisons of two different types for which Postgres has an operator, so that neither side is converted. */
const CROSS: readonly Row[] = COMPARISONS.flatMap((operator): Row[] => {
  const javascript = operator === '=' ? '===' : operator === '<>' ? '!==' : operator;
  const moments = ["timestamp '2026-01-01'", "timestamptz '2026-01-01Z'"] as const;
  return [
    [`${operator}(integer, bigint) boolean`, `BigInt($1) ${javascript} $2`, `1 ${operator} 2::bigint`, 'compares'],
    [`${operator}(bigint, integer) boolean`, `$1 ${javascript} BigInt($2)`, `2::bigint ${operator} 2`, 'compares'],
    [
      `${operator}(timestamp, timestamptz) boolean`,
      `$1 ${javascript} $2`,
      `${moments[0]} ${operator} ${moments[1]}`,
      'compares, in UTC',
    ],
    [
      `${operator}(timestamptz, timestamp) boolean`,
      `$1 ${javascript} $2`,
      `${moments[1]} ${operator} ${moments[0]}`,
      'compares, in UTC',
    ],
  ];
});

const ARRAY_COMPARISONS: readonly Row[] = COMPARISONS.map((operator): Row => {
  const code =
    operator === '='
      ? '<arrays equal>($1, $2)'
      : operator === '<>'
        ? '!<arrays equal>($1, $2)'
        : `<arrays compare>($1, $2) ${operator} 0`;
  return [
    `${operator}(anyarray, anyarray) boolean`,
    code,
    `ARRAY[1, 2] ${operator} ARRAY[1, 3]`,
    'compares element by element',
  ];
});

/** The comparison operators of every type. */
export const COMPARISON_ROWS: readonly Row[] = [...comparisons, ...MIXED, ...CROSS, ...ARRAY_COMPARISONS];
