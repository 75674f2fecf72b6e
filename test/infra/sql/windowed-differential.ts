import { checkStatement } from '../../../infra/sql/check/statement.ts';
import type { Column } from '../../../infra/sql/plan/sql-type.ts';
import { scalar } from '../../../infra/sql/plan/sql-type.ts';
import { startGroups } from '../../../infra/sql/run/groups.ts';
import type { Comparison, Report, Wanted } from './comparison.ts';
import { fails, inBatches } from './comparison.ts';
import type { Oracle } from './oracle.ts';
import type { Random } from './random.ts';
import { seeded } from './random.ts';

const COLUMNS: readonly Column[] = [
  { name: 'k', type: scalar('text'), nullable: true },
  { name: 'at', type: scalar('timestamptz'), nullable: false },
  { name: 'n', type: scalar('numeric'), nullable: true },
  { name: 'i', type: scalar('integer'), nullable: true },
];

/** Aggregates whose result does not depend on the order of the rows. */
const CALLS = [
  'count(*)',
  'count(n)',
  'sum(n)',
  'sum(i)',
  'avg(n)',
  'min(i)',
  'max(i)',
  'count(DISTINCT n)',
  'variance(n)',
  'bool_or(i > 3)',
  "string_agg(i::text, ',' ORDER BY i)",
  'array_agg(i ORDER BY i)',
  'max(i) FILTER (WHERE n > 2)',
];

interface Windows {
  /** In the words of the WINDOW clause. */
  readonly clause: string;
  /** The input with window_start and window_end, in Postgres. */
  readonly from: string;
}

/**
 * Compares windowed statements over random events with Postgres's own answer: tumbling windows by date_bin, hopping
 * ones by generate_series, sessions by a window function.
 */
export function compareWindowed(oracle: Oracle, wanted: Wanted): Promise<Report> {
  return inBatches(wanted, 1, async (done) => {
    const random = seeded(wanted.seed * 1_000_033 + done);
    const events = Array.from({ length: random.below(60) }, () => randomEvent(random));
    const windows = randomWindows(random);
    const calls = Array.from({ length: 1 + random.below(3) }, (_, i) => `${random.pick(CALLS)} AS a${i}`);
    const having = random.chance(0.3) ? ` HAVING count(*) > ${random.below(3)}` : '';
    const where = random.chance(0.3) ? ' WHERE i IS NOT NULL' : '';
    const columns = `k, window_start, window_end, ${calls.join(', ')}`;
    const text = `SELECT ${columns} FROM s WINDOW ${windows.clause}${where} GROUP BY k${having} TIMESTAMP BY at`;
    const theirs = `SELECT ${columns} FROM (${windows.from.replace('<where>', where).replace('<and>', where.replace('WHERE', 'AND'))}) s GROUP BY 1, 2, 3${having}`;
    const detail = [text, theirs, ...events].join('\n  ');
    const comparison = await compareOne(oracle, { text, theirs, events });
    return { comparisons: [comparison], shrink: async () => ({ sql: detail, detail: comparison.difference ?? '' }) };
  });
}

/** Times that are often equal, at the edges of windows, before 1970 too. */
function randomEvent(random: Random): string {
  const base = random.pick(['2026-11-30T10:00:00', '1969-12-31T23:50:00']);
  const step = random.pick([1, 1000, 60_000, 300_000]);
  const millis = Date.parse(`${base}Z`) + random.below(12) * step;
  const micros = random.chance(0.2) ? '001' : '000';
  const at = new Date(millis).toISOString().replace('Z', `${micros}Z`);
  const n = random.pick(['1', '2.50', '2.5', '-7', '0.001', 'null']);
  const i = random.pick(['1', '2', '5', '9', 'null']);
  return `{"k":${random.pick(['"a"', '"b"', 'null'])},"at":"${at}","n":${n},"i":${i}}`;
}

function randomWindows(random: Random): Windows {
  const kind = random.pick(['tumbling', 'hopping', 'session']);
  const size = 1 + random.below(20);
  const unit = random.pick(['SECOND', 'MINUTES', 'MINUTE', 'HOURS', 'MILLISECONDS']);
  const length = `interval '${size} ${unit.toLowerCase()}'`;
  const start = (step: string): string => `date_bin(${step}, at, '1970-01-01Z')`;
  if (kind === 'tumbling')
    return {
      clause: `TUMBLING (SIZE ${size} ${unit})`,
      from: `SELECT *, ${start(length)} AS window_start, ${start(length)} + ${length} AS window_end FROM s<where>`,
    };
  if (kind === 'hopping') {
    const advance = `interval '${1 + random.below(size)} ${unit.toLowerCase()}'`;
    return {
      clause: `HOPPING (SIZE ${size} ${unit}, ADVANCE BY ${advance.slice(10, -1)})`,
      from: `SELECT s.*, window_start, window_start + ${length} AS window_end FROM s,
        generate_series(${start(advance)}, at - ${length}, -${advance}) AS window_start
        WHERE window_start > at - ${length}<and>`,
    };
  }
  const marked = `SELECT *, CASE WHEN at - lag(at) OVER w <= ${length} THEN 0 ELSE 1 END AS begins FROM s<where> WINDOW w AS (PARTITION BY k ORDER BY at)`;
  const numbered = `SELECT *, sum(begins) OVER (PARTITION BY k ORDER BY at) AS session FROM (${marked}) m`;
  return {
    clause: `SESSION (${size} ${unit})`,
    from: `SELECT *, min(at) OVER w AS window_start, max(at) OVER w AS window_end FROM (${numbered}) n WINDOW w AS (PARTITION BY k, session)`,
  };
}

interface Case {
  readonly text: string;
  readonly theirs: string;
  readonly events: readonly string[];
}

async function compareOne(oracle: Oracle, { text, theirs, events }: Case): Promise<Comparison> {
  const plan = await checkStatement({ file: 'test.sql', text }, { columns: COLUMNS, ofFiles: true });
  const groups = startGroups(plan);
  const { rejections } = groups.add(Buffer.from(events.map((event) => `${event}\n`).join('')));
  if (rejections.length > 0) return fails(`rejected: ${rejections[0]?.reason}`);
  const failed: string[] = [];
  const outputs = Buffer.concat([...groups.outputs((reason) => failed.push(reason))])
    .toString('utf8')
    .trim()
    .split('\n');
  if (failed.length > 0) return fails(`failed: ${failed.join()}`);
  const list = `[${events.join(',')}]`.replaceAll("'", "''");
  const input = `WITH s AS (SELECT * FROM json_to_recordset('${list}') AS s(k text, at timestamptz, n numeric, i integer))`;
  const [answer] = await oracle.attempt([
    `${input} SELECT coalesce(string_agg(to_json(v)::text, E'\\n'), '') FROM (${theirs}) v`,
  ]);
  if (answer?.value == null) return fails(`Postgres: ${answer?.message}`);
  const [here, there] = [outputs, answer.value.split('\n')].map((rows) => rows.map(plain).sort().join('\n'));
  return here === there ? { unsupported: false, errors: 0 } : fails(`here:\n${here}\nPostgres:\n${there}`);
}

/** Postgres writes +00:00 where we write Z. */
const plain = (row: string): string => row.replaceAll('+00:00"', 'Z"');
