import type { Side } from './comparison.ts';

/** `stored`: what the sinks hold. `touched`: what events are matched by that a sink may not have processed. */
export const CREATE_TABLES = `
  CREATE TABLE stored (side VARCHAR, id VARCHAR, grp VARCHAR, at_from VARCHAR, at_to VARCHAR, nth VARCHAR, time VARCHAR,
    is_removal BOOLEAN, unknown VARCHAR, event VARCHAR, row VARCHAR);
  CREATE TABLE touched (id VARCHAR)`;

/**
 * Keeps of the rows of each event what the events of a key have made of it. Where files say the order, that is the last
 * event; where several groups of rows may hold it, all of their last ones are candidates, and the latest by its time
 * counts.
 */
export function reduceEvents(side: Side): string {
  return `
  CREATE TABLE candidates AS
    SELECT * FROM (
      SELECT *, max(at_from) OVER (PARTITION BY id) AS latest_from,
             row_number() OVER (PARTITION BY id, grp ORDER BY nth DESC) AS place
        FROM stored WHERE side = '${side}')
     WHERE place = 1 AND at_to > latest_from;
  CREATE TABLE present AS
    SELECT side, id, unknown, event, row FROM stored WHERE side <> '${side}'
    UNION ALL
    SELECT side, id, unknown, event, row FROM (
      SELECT *, row_number() OVER (PARTITION BY id ORDER BY time DESC NULLS LAST, nth DESC) AS latest FROM candidates)
     WHERE latest = 1 AND NOT is_removal`;
}

/** Takes all rows as they are. */
export const ALL_ROWS = `
  CREATE VIEW present AS SELECT side, id, unknown, event, row FROM stored;
  CREATE VIEW candidates AS SELECT * FROM stored WHERE false`;

/**
 * Finds what differs. Rows that are matched count as a group, and groups are compared by their hashes: only those that
 * differ are looked at.
 */
export const FIND = `
  CREATE TABLE matched AS
    SELECT id, count(*) FILTER (side = 'a') AS of_a, count(*) FILTER (side = 'b') AS of_b,
           sum(hash(row)) FILTER (side = 'a') IS DISTINCT FROM sum(hash(row)) FILTER (side = 'b') AS differs
      FROM present GROUP BY id;
  CREATE TABLE found AS
    SELECT id, any_value(of_a) AS of_a, any_value(of_b) AS of_b,
           min(row) FILTER (side = 'a') AS least_a, max(row) FILTER (side = 'a') AS most_a,
           min(row) FILTER (side = 'b') AS least_b, max(row) FILTER (side = 'b') AS most_b,
           arg_max(event, length(event)) AS event, any_value(unknown) AS unknown, 'differs' AS class
      FROM matched JOIN present USING (id) WHERE differs GROUP BY id;
  UPDATE found SET class = 'unclear' WHERE id IN (
    SELECT found.id FROM found JOIN candidates USING (id)
     WHERE NOT is_removal AND row = CASE side WHEN 'a' THEN least_b ELSE least_a END
        OR is_removal AND CASE side WHEN 'a' THEN of_b ELSE of_a END = 0)`;

/** What differs only because a sink has not processed an event, or is about to process it again. */
export const LEAVE_WAITING = `
  UPDATE found SET class = 'waits' WHERE class = 'differs' AND id IN (SELECT id FROM touched)`;

export const COUNT_FOUND = `
  SELECT class, ${kindOf()} AS kind, count(*)::DOUBLE AS count FROM found GROUP BY ALL`;

export const COUNT_SAME = 'SELECT count(*)::DOUBLE AS count FROM matched WHERE NOT differs';

export const COUNT_ROWS = 'SELECT side, count(*)::DOUBLE AS count FROM stored GROUP BY side';

/** Rows that may be alike in all that is known of them. */
export const LOOSE = "SELECT * FROM found WHERE class = 'differs' AND unknown IS NOT NULL";

export function leaveOut(ids: readonly string[]): string {
  return `DELETE FROM found WHERE id IN (${ids.map((id) => `'${id.replaceAll("'", "''")}'`).join(', ')})`;
}

export function shown(limit: number): string {
  return `SELECT *, ${kindOf()} AS kind, of_a::DOUBLE AS times_a, of_b::DOUBLE AS times_b
    FROM found WHERE class = 'differs' ORDER BY id LIMIT ${limit}`;
}

function kindOf(): string {
  return `CASE WHEN of_b = 0 THEN 'only-a' WHEN of_a = 0 THEN 'only-b' WHEN of_a <> of_b THEN 'doubled' ELSE 'differs' END`;
}
