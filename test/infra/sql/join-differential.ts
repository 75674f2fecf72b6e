import { checkStatement } from '../../../infra/sql/check/statement.ts';
import type { Plan } from '../../../infra/sql/plan/plan.ts';
import type { Column, ScalarName } from '../../../infra/sql/plan/sql-type.ts';
import { scalar } from '../../../infra/sql/plan/sql-type.ts';
import { startGroups } from '../../../infra/sql/run/groups.ts';
import { rowsFor } from '../../../infra/sql/run/inputs.ts';
import type { RunInput } from '../../../infra/sql/run/joined.ts';
import { lineRunner } from '../../../infra/sql/run/lines.ts';
import type { Comparison, Difference, Report, Wanted } from './comparison.ts';
import { fails, inBatches, shrunk } from './comparison.ts';
import { SqlMistake } from './compiled-expression.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import { seeded } from './random.ts';
import { typesInPostgres } from './statement-comparison.ts';
import { quoteName } from './tables.ts';

/** The columns of both inputs, and few values of each, so that rows meet: written differently though equal, too. */
const COLUMNS: Readonly<Record<string, readonly [type: ScalarName, values: readonly string[]]>> = {
  i: ['integer', ['1', '2', '-3', 'null']],
  b: ['bigint', ['1', '2', '9007199254740993', 'null']],
  n: ['numeric', ['1', '1.0', '2.00', '0.5', '-0.0', '9007199254740993', 'null']],
  d: ['double precision', ['1', '-0', '0', '0.5', '9007199254740992', 'null']],
  t: ['text', ['"a"', '"A"', '""', '"\\u00e9"', '"é"', '"x\\"y"', '"null"', 'null']],
  o: ['boolean', ['true', 'false', 'null']],
  y: ['date', ['"2026-01-31"', '"2026-02-01"', 'null']],
  z: ['timestamptz', ['"2026-01-31T00:00:00Z"', '"2026-01-31T01:00:00+01:00"', 'null']],
  time: [
    'timestamptz',
    [
      '"2026-01-31T00:00:00Z"',
      '"2026-01-31T00:59:59.999999Z"',
      '"2026-01-31T01:00:00Z"',
      '"2026-01-31T01:00:00.000001Z"',
    ].concat('"2026-01-31T02:00:00+01:00"', '"2026-01-30T23:00:00Z"', 'null'),
  ],
  u: ['uuid', ['"019a8b2e-5c00-7000-8000-000000000000"', '"019A8B2E-5C00-7000-8000-000000000000"', 'null']],
};
const NAMES = Object.keys(COLUMNS);
const columns: readonly Column[] = [
  { name: 'id', type: scalar('integer'), nullable: false },
  ...Object.entries(COLUMNS).map(([name, [type]]) => ({ name, type: scalar(type), nullable: true })),
];

/** Columns that Postgres compares with each other, and some that it does not. */
const PAIRS = [
  ...NAMES.map((name) => [name, name] as const),
  ...(['ib', 'in', 'id', 'bn', 'bd', 'nd', 'yz', 'it', 'ot'] as const).map(([a, b]) => [a, b] as const),
];

interface JoinTest {
  readonly outputs: readonly string[];
  readonly kind: string;
  readonly within: Within | undefined;
  readonly using: readonly string[];
  readonly on: readonly string[];
  readonly where: readonly string[];
  readonly groupBy: string | undefined;
}

/** WITHIN or AS OF here, and the condition that means the same in Postgres. */
interface Within {
  readonly ours: string;
  readonly theirs: string;
  readonly isAsOf?: true;
}

interface World {
  readonly l: readonly string[];
  readonly r: readonly string[];
}

const STATEMENTS = 10;

/** Random joins of two inputs, here and in Postgres: the same rows, in any order. */
export function compareJoins(oracle: Oracle, wanted: Wanted): Promise<Report> {
  return inBatches(wanted, STATEMENTS, async (done, count) => {
    const random = seeded(wanted.seed * 1_000_033 + done);
    const world = { l: randomRows(random, 12), r: randomRows(random, 8) };
    for (const [name, rows] of Object.entries(world)) await load(oracle, name, rows);
    const tests = Array.from({ length: count }, () => randomJoin(random));
    const compareAll = async (all: readonly JoinTest[]): Promise<readonly Comparison[]> => {
      const comparisons: Comparison[] = [];
      for (const test of all) comparisons.push(await compareOne(oracle, world, test));
      return comparisons;
    };
    return {
      comparisons: await compareAll(tests),
      shrink: async (i): Promise<Difference> => {
        const { smallest, detail } = await shrunk(tests[i]!, { rounds: 20 }, { simpler, compareAll });
        return { sql: [textOf(smallest), 'l', ...world.l, 'r', ...world.r].join('\n  '), detail };
      },
    };
  });
}

function randomRows(random: Random, most: number): readonly string[] {
  return Array.from({ length: random.below(most + 1) }, (_, id) => {
    const fields = Object.entries(COLUMNS).flatMap(([name, [, values]]) =>
      random.chance(0.1) ? [] : `"${name}":${random.pick(values)}`,
    );
    return `{${[`"id":${id}`, ...fields].join(',')}}`;
  });
}

async function load(oracle: Oracle, name: string, rows: readonly string[]): Promise<void> {
  const typed = columns.map((column) => `${column.name} ${column.type.kind === 'scalar' ? column.type.name : ''}`);
  const text = `[${rows.join(',')}]`.replaceAll("'", "''");
  await oracle.client.query(`set search_path to public; drop table if exists ${name};
    create table ${name} as select * from json_to_recordset('${text}') as r(${typed.join(', ')})`);
}

const SELECTED = [
  'l.id AS a',
  'r.id AS bb',
  'l.n AS c',
  'r.t AS e',
  'coalesce(r.t, l.t) AS f',
  'l.i + r.b AS g',
  'r.id IS NULL AS h',
  'upper(r.t) AS j',
  'r.z AS k',
  'l.u AS m',
];
const CONDITIONS = ['l.i > 1', 'r.n IS NOT NULL', 'l.i < r.b', 'r.id IS NULL', "l.t = 'a'", 'l.o', 'l.id IS NOT NULL'];
const GROUPED = ['count(*) AS p', 'sum(r.b) AS q', 'min(l.t) AS s', 'count(DISTINCT r.id) AS v'];

function randomJoin(random: Random): JoinTest {
  const some = (all: readonly string[], most: number): readonly string[] => [
    ...new Set(Array.from({ length: 1 + random.below(most) }, () => random.pick(all))),
  ];
  const kind = random.pick(['JOIN', 'INNER JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN']);
  const isUsing = random.chance(0.2) && kind !== 'FULL JOIN';
  const using = isUsing ? some(NAMES, 2) : [];
  const equality = (): string => {
    const [a, b] = random.pick(PAIRS);
    return random.chance(0.5) ? `l.${a} = r.${b}` : `r.${b} = l.${a}`;
  };
  const keys = Array.from({ length: random.chance(0.25) ? 2 : 1 }, equality);
  const rest = random.chance(0.3) && kind.replace('INNER ', '') === 'JOIN' ? [random.pick(CONDITIONS)] : [];
  const reach = (): string => `${random.pick([0, 1, 60, 61])} ${random.pick(['MINUTES', 'SECONDS'])}`;
  const isWithin = !isUsing && random.chance(0.3);
  const isAsOf = isWithin && random.chance(0.4) && /^(?:INNER |LEFT )?JOIN$/.test(kind);
  const groupBy = random.chance(0.2) ? random.pick(['r.t', 'l.o', 'r.i']) : undefined;
  return {
    outputs: groupBy !== undefined ? [`${groupBy} AS w`, ...some(GROUPED, 3)] : [...some(SELECTED, 4), ...using],
    kind,
    within: isAsOf ? AS_OF : isWithin ? within(reach(), random.chance(0.5) ? reach() : undefined) : undefined,
    using,
    on: isUsing ? [] : [...keys, ...(isAsOf ? [] : rest)],
    where: random.chance(0.4) ? some(CONDITIONS, 2) : [],
    groupBy,
  };
}

const within = (before: string, after = before): Within => ({
  ours: before === after ? `WITHIN ${before}` : `WITHIN (${before}, ${after})`,
  theirs: `r.time BETWEEN l.time - INTERVAL '${before}' AND l.time + INTERVAL '${after}'`,
});

const AS_OF: Within = { ours: 'AS OF l.time', theirs: 'r.time <= l.time', isAsOf: true };

function simpler(test: JoinTest): readonly JoinTest[] {
  const without = (list: readonly string[], i: number): readonly string[] => list.filter((_, j) => j !== i);
  return [
    ...(test.outputs.length > 1 ? test.outputs.map((_, i) => ({ ...test, outputs: without(test.outputs, i) })) : []),
    ...test.where.map((_, i) => ({ ...test, where: without(test.where, i) })),
    ...(test.on.length > 1 ? test.on.map((_, i) => ({ ...test, on: without(test.on, i) })) : []),
    ...(test.within === undefined ? [] : [{ ...test, within: undefined }]),
    ...(test.kind === 'JOIN' ? [] : [{ ...test, kind: 'JOIN' }]),
  ];
}

/** Postgres has no FULL JOIN by a range of times: there it is a LEFT JOIN, and the rows of r that meet none. */
function textInPostgres(test: JoinTest): string {
  const { kind, within: of, on } = test;
  const condition = [...on, of?.theirs].join(' AND ');
  if (of?.isAsOf)
    return textOf({ ...test, on: ['true'], within: undefined }).replace(
      /JOIN r ON true/,
      `JOIN LATERAL (SELECT * FROM r WHERE ${condition} ORDER BY r.time DESC, r.id DESC LIMIT 1) r ON true`,
    );
  if (of === undefined || kind !== 'FULL JOIN') return textOf(test, false);
  const rows = `SELECT l, r FROM l LEFT JOIN r ON ${condition}
    UNION ALL SELECT NULL::l, r FROM r WHERE NOT EXISTS (SELECT FROM l WHERE ${condition})`;
  const [select = '', rest = ''] = textOf({ ...test, on: ['true'], within: undefined }).split(
    'FROM l FULL JOIN r ON true',
  );
  const ofRows = (text: string): string => text.replace(/\b([lr])\.(\w+)/g, '($1).$2');
  return `${ofRows(select)}FROM (${rows}) AS joined${ofRows(rest)}`;
}

function textOf({ outputs, kind, within: of, using, on, where, groupBy }: JoinTest, isOurs = true): string {
  const all = of === undefined || isOurs ? on : [...on, of.theirs];
  const clause = of !== undefined && isOurs ? `${of.ours} ` : '';
  const condition = using.length > 0 ? `USING (${using.join(', ')})` : `${clause}ON ${all.join(' AND ')}`;
  const filter = where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`;
  return `SELECT ${outputs.join(', ')} FROM l ${kind} r ${condition}${filter}${groupBy === undefined ? '' : ` GROUP BY ${groupBy}`}`;
}

async function compareOne(oracle: Oracle, world: World, test: JoinTest): Promise<Comparison> {
  const text = textOf(test);
  const inPostgres = textInPostgres(test);
  const types = await typesInPostgres(oracle, inPostgres);
  const plan = await planOf(text);
  if (plan instanceof SqlMistake && plan.kind === 'unsupported') return { unsupported: true, errors: 0 };
  if (plan instanceof SqlMistake || typeof types === 'string') {
    const agree = plan instanceof SqlMistake && typeof types === 'string';
    return agree
      ? { unsupported: false, errors: 1 }
      : fails(`here: ${plan instanceof SqlMistake ? plan.message : 'accepted'}, Postgres: ${types}`);
  }
  const outputs = await run(plan, world);
  const selected = types.map((_, i) => `v.x${i}`).join(', ');
  const theirs = `select coalesce(string_agg(row(${selected})::text, E'\\x1e'), '') from (${inPostgres}) v(${types.map((_, i) => `x${i}`).join(', ')})`;
  const typed = plan.outputs.map(({ name }, i) => `${quoteName(name)} ${types[i]}`).join(', ');
  const made = `[${outputs.join(',')}]`.replaceAll("'", "''");
  const ours = `select coalesce(string_agg(r::text, E'\\x1e'), '') from json_to_recordset('${made}') as r(${typed})`;
  const [one, other] = (await oracle.attempt([ours, theirs])).map(({ value, message }) =>
    value === null ? `failed: ${message}` : value.split('\x1e').sort().join('\n'),
  );
  return one === other ? { unsupported: false, errors: 0 } : fails(`here:\n${one}\nPostgres:\n${other}`);
}

async function planOf(text: string): Promise<Plan | SqlMistake> {
  const inputs = new Map([
    ['l', columns],
    ['r', columns],
  ]);
  try {
    return await checkStatement({ file: 'test.sql', text }, { columns: [], inputs, ofFiles: true });
  } catch (error) {
    if (error instanceof SqlMistake) return error;
    throw new Error(`compiling ${text}`, { cause: error });
  }
}

async function run(plan: Plan, world: World): Promise<readonly string[]> {
  const inputOf = (rows: readonly string[]): readonly RunInput[] => [
    {
      file: { name: 'rows', format: 'ndjson' },
      columns: async () => undefined,
      async *parts() {
        for (const row of rows) yield { text: Buffer.from(`${row}\n`) };
      },
      reject: async ([first]) => {
        if (first !== undefined) throw new Error(first.reason);
      },
    },
  ];
  const byName = new Map(Object.entries(world).map(([name, rows]) => [name, inputOf(rows)]));
  const { plan: ofRows, rows } = rowsFor(plan, { byName });
  const groups = ofRows.grouping === undefined ? undefined : startGroups(ofRows);
  const add = groups?.add ?? lineRunner(ofRows);
  const parts: Buffer[] = [];
  for await (const { text, reject } of rows) {
    const { output, rejections } = add(text);
    await reject(rejections);
    parts.push(output);
  }
  for (const part of groups?.outputs((reason) => parts.push(Buffer.from(reason))) ?? []) parts.push(part);
  return Buffer.concat(parts).toString('utf8').split('\n').slice(0, -1);
}
