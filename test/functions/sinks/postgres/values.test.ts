import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresDefinition } from '../../../../functions/sinks/postgres/postgres.ts';
import { logOf, sliceOf } from '../../../contracts/slices.ts';
import { type PostgresServer, startPostgres } from '../../../kit/servers.ts';

/** Postgres's own way from JSON to a row is the measure: `json_populate_record`. */
const COLUMNS = {
  note: 'text',
  small: 'smallint',
  whole: 'integer',
  big: 'bigint',
  real4: 'real',
  real8: 'double precision',
  exact: 'numeric',
  cents: 'numeric(12, 2)',
  flag: 'boolean',
  at: 'timestamptz',
  day: 'date',
  uid: 'uuid',
  doc: 'jsonb',
  short: 'varchar(5)',
  fixed: 'char(4)',
  raw: 'bytea',
} as const;

let server: PostgresServer;
let client: pg.Client;
let database: string;

beforeAll(async () => {
  server = await startPostgres();
  database = await server.createDatabase();
  client = await server.connect(database);
  await client.query("SET TimeZone = 'UTC'");
});

afterAll(async () => {
  await client.end();
  await server.stop();
});

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '',
    'a\tb',
    'line\nbreak',
    '\\N',
    '\\.',
    '\\',
    "it's",
    '"',
    '{}',
    '\u2028',
    '\ud800',
    'nul\0',
    '\ud83d\ude00',
    'é',
  ),
  fc.constantFrom(
    '2026-11-22',
    '2026-11-22T10:00:00.123456Z',
    '2026-02-30',
    'infinity',
    '12:00',
    't',
    'yes',
    '12',
    '-1.5',
    ' 7 ',
    '\\xdeadbeef',
  ),
  fc.uuid(),
);
/** JSON numbers as nobody's double would hold them. */
const numbers = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '-0',
    '0.0',
    '1.0',
    '1.50',
    '1e2',
    '15e-1',
    '1E+2',
    '9007199254740993',
    '9223372036854775807',
    '9223372036854775808',
  ),
  fc.constantFrom('1e400', '-1e-400', '32768', '123456789012345678901234567890.123456789', '1e30', '2147483648'),
);
const values = fc.oneof(
  { weight: 4, arbitrary: texts.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: texts.map(escaped) },
  { weight: 4, arbitrary: numbers },
  fc.constantFrom('true', 'false', 'null'),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value, null, 1)),
);
const nested = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value, null, 1));
const anyText = fc.oneof(
  texts.map((text) => JSON.stringify(text)),
  texts.map(escaped),
);

/** Mostly what a column of the type is likely to be sent, or few rows would be taken. */
function likely(type: string): fc.Arbitrary<string> {
  if (/json/.test(type)) return fc.oneof(nested, anyText, numbers);
  if (/int|real|double|numeric/.test(type)) return numbers;
  if (/text|char/.test(type)) return fc.oneof(anyText, numbers, nested);
  if (type === 'boolean') return fc.constantFrom('true', 'false', '"yes"', '"f"', '0');
  if (type === 'uuid') return fc.uuid().map((uid) => JSON.stringify(uid));
  if (type === 'bytea') return fc.constantFrom('"\\\\xdeadbeef"', '""', '"abc"', '"\\u005cx00"');
  return fc.constantFrom('"2026-11-22T10:00:00.123456Z"', '"2026-02-28"', '"infinity"', '"2026-11-22 10:00+02"');
}

const members = Object.entries(COLUMNS).map(([name, type]) =>
  fc.tuple(fc.constant(name), fc.oneof({ weight: 12, arbitrary: likely(type) }, values)),
);
const rows = fc
  .array(fc.oneof(...members), { maxLength: 5 })
  .map((row) => `{${[...new Map(row)].map(([name, value]) => `"${name}": ${value}`).join(', ')}}`);

/** The same text as some writers put it: every character as `\u`. */
function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index).toString(16).padStart(4, '0'));
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}

describe('a row', () => {
  test('holds what json_populate_record makes of the data, or is rejected when that rejects it', async () => {
    const columns = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`);
    await client.query(`CREATE TABLE given (n int, ${columns.join(', ')})`);
    const { host, port, user, password } = server;
    const sink = postgresDefinition.open({
      step: 'test/sink',
      formerly: undefined,
      options: postgresDefinition.options.parse({ table: 'given' }),
      resources: postgresDefinition.resources.parse({ host, port, database, user, tls: 'off', auth: { password } }),
    });
    let previous = 0;
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { minLength: 10, maxLength: 40, size: 'max' }), async (texts) => {
        await client.query('TRUNCATE given');
        const events = logOf(
          texts.map((text, n) => ({
            data: undefined,
            json: text.replace('{', `{"n":${n}${text === '{}' ? '' : ','}`),
          })),
        );
        await sink.write(sliceOf({ events, previous: previous++ }));
        const written = await client.query('SELECT n, given::text AS row FROM given ORDER BY n');
        const expected: { n: number; row: string }[] = [];
        for (const [n, { dataBytes }] of events.entries()) {
          const row = await byPostgres(dataBytes.toString());
          if (row !== undefined) expected.push({ n, row });
        }
        expect(written.rows).toEqual(expected);
        taken += expected.length;
      }),
      { numRuns: 60 },
    );
    expect(taken).toBeGreaterThan(500);
  });
});

/**
 * Undefined when it is refused. An integer that JSON wrote with a point or an exponent is none to Postgres, but it is
 * to us.
 */
async function byPostgres(json: string): Promise<string | undefined> {
  const integers = json.replace(
    /"(small|whole|big)": (-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[,}])/g,
    (match, name, number) => {
      const exact = asInteger(number);
      return exact === undefined ? match : `"${name}": ${exact}`;
    },
  );
  try {
    const { rows } = await client.query('SELECT json_populate_record(NULL::given, $1::json)::given::text AS row', [
      integers,
    ]);
    return rows[0].row;
  } catch (error) {
    expect((error as pg.DatabaseError).code).toMatch(/^(22|54)/);
    return undefined;
  }
}

function asInteger(number: string): string | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const power = Number(exponent) - fraction.length;
  if (Math.abs(power) > 400) return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  if (power >= 0) return `${sign}${digits * 10n ** BigInt(power)}`;
  return digits % 10n ** BigInt(-power) === 0n ? `${sign}${digits / 10n ** BigInt(-power)}` : undefined;
}
