import type { Routine } from '../plan/routine.ts';
import { routine } from '../plan/routine.ts';

/**
 * Routines of Postgres that are not supported, although others of the same name are. They take part in the choice of a
 * routine, so that a statement never calls another routine here than in Postgres. Choosing one of them is an error.
 */
const SIGNATURES: readonly (string | readonly [signature: string, hint: string])[] = [
  [
    'log(double precision) double precision',
    'cast to numeric: C libraries differ by more than one unit in the last place',
  ],
  [
    'log10(double precision) double precision',
    'cast to numeric: C libraries differ by more than one unit in the last place',
  ],
  [
    'cbrt(double precision) double precision',
    'use power(x, 1.0 / 3): C libraries differ by more than one unit in the last place',
  ],
  [
    '||/(double precision) double precision',
    'use power(x, 1.0 / 3): C libraries differ by more than one unit in the last place',
  ],
  '~~(bytea, bytea) boolean',
  '!~~(bytea, bytea) boolean',
  'bit_length(bytea) integer',
  'btrim(bytea, bytea) bytea',
  'ltrim(bytea, bytea) bytea',
  'rtrim(bytea, bytea) bytea',
  'substring(bytea, integer) bytea',
  'substring(bytea, integer, integer) bytea',
  ['substring(text, text, text) text', "SIMILAR is not supported: use substring(x FROM 'a regular expression')"],
  'substr(bytea, integer) bytea',
  'substr(bytea, integer, integer) bytea',
  'overlay(bytea, bytea, integer) bytea',
  'position(bytea, bytea) integer',
  'reverse(bytea) bytea',
  'quote_literal(anyelement) text',
  'quote_nullable(anyelement) text',
  ['to_char(integer, text) text', 'use round(x, 2)::text and lpad'],
  ['to_char(bigint, text) text', 'use round(x, 2)::text and lpad'],
  ['to_char(double precision, text) text', 'use round(x, 2)::text and lpad'],
  ['to_char(numeric, text) text', 'use round(x, 2)::text and lpad'],
  ['to_char(interval, text) text', 'use extract'],
  ['to_number(text, text) numeric', 'cast: x::numeric'],
  ['age(timestamp) interval', 'its result depends on the current date: give both moments, such as age(time, placed)'],
  ['age(timestamptz) interval', 'its result depends on the current date: give both moments, such as age(time, placed)'],
  'timezone(interval, timestamp) timestamptz',
  'timezone(interval, timestamptz) timestamp',
  'jsonb_set(jsonb, text[], jsonb, boolean, text) jsonb',
  'array_sort(anyarray, boolean, boolean) anyarray',
  'trunc(~user) text',
  '->(~user, text) text',
  '->(~user, integer) text',
  '->>(~user, text) text',
  '->>(~user, integer) text',
  '#>(~user, text[]) text',
  '#>>(~user, text[]) text',
  '@>(~geometric, ~geometric) boolean',
  '<@(~geometric, ~geometric) boolean',
  '?|(~geometric, ~geometric) boolean',
];

/** The unsupported routines. The meaning of each is the hint: what to use instead. */
export const UNSUPPORTED: readonly Routine[] = SIGNATURES.map((row) => {
  const [signature, hint] = typeof row === 'string' ? [row, ''] : row;
  return routine([signature, '', '', hint]);
});
