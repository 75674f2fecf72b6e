import { cutText } from '../../../functions/runtime/cut-text.ts';
import type { GroupedStatement, GroupResult } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { resultsOf, startStates } from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import { compareRows } from '../../../functions/runtime/sql/aggregates/sorting.ts';
import { SqlError } from '../../../functions/runtime/sql/errors/sql-error.ts';
import { createWriter, writeByte } from '../../../functions/runtime/sql/json/json-writer.ts';
import type { Row } from '../../../functions/runtime/sql/row/row.ts';
import type { EventAttributes, Statement } from '../../../functions/runtime/sql/sql-transform.ts';
import { groupedStatementOf } from '../emit/statement-of.ts';
import type { Plan } from '../plan/plan.ts';
import { keepSessions } from './keep-sessions.ts';
import { keepPlain, keepWindows } from './keep-windows.ts';
import type { Group, Keeping, KeptGroups } from './kept-groups.ts';
import type { LinesResult } from './lines.ts';
import { lineRunner } from './lines.ts';

/** The most groups that `millrace sql` keeps in memory. */
const MOST_GROUPS = 1_000_000;

/** The groups of a statement over files. */
export interface Groups {
  /** Adds the lines of a part. The result has no output. */
  readonly add: (part: Buffer) => LinesResult;
  /** Returns the outputs when all lines are added, in parts, and passes the groups that have none to `fail`. */
  readonly outputs: (fail: (reason: string) => void) => Iterable<Buffer>;
}

/** Starts the groups of a plan with a grouping. `most` is the number of groups beyond which a line throws. */
export function startGroups(plan: Plan, statement = groupedStatementOf(plan), most = MOST_GROUPS): Groups {
  const isUndone = plan.unnests.length > 0 || statement.window?.kind === 'hopping';
  const kept = keepGroups({ statement, most, isUndone });
  const { take, find } = kept;
  const memory = find === undefined || isUndone ? undefined : { take, find };
  const { addTo } = statement;
  const collect: Statement['select'] = (row, event) => {
    kept.startLine(row);
    try {
      statement.collect(row, event, kept.take);
    } catch (error) {
      kept.undoLine();
      throw error;
    }
  };
  const addInMemory =
    memory &&
    addTo &&
    ((row: Row, event: EventAttributes): void => {
      kept.startLine(row);
      addTo(memory, row, event);
    });
  const add = lineRunner(plan, { ...statement, select: addInMemory ?? collect });
  return { add, outputs: (fail) => outputsOf(plan, statement, { groups: groupsOf(plan, statement, kept), fail }) };
}

/** Keeps the groups of a statement, or their windows if it has WINDOW. */
function keepGroups(keeping: Keeping): KeptGroups {
  const { window } = keeping.statement;
  if (window === undefined) return keepPlain(keeping);
  return window.kind === 'session' ? keepSessions(keeping, window) : keepWindows(keeping, window);
}

/** Returns the groups. Without GROUP BY there is one, also without lines. */
function groupsOf({ grouping }: Plan, statement: GroupedStatement, { all }: KeptGroups): Iterable<Group> {
  const groups = [...all];
  return groups.length === 0 && grouping?.keys.length === 0
    ? [{ key: [], states: [...startStates(statement)] }]
    : groups;
}

/** A group that HAVING leaves, and the values of ORDER BY. */
interface Shown extends GroupResult {
  readonly sortValues: readonly unknown[];
}

interface Ending {
  readonly groups: Iterable<Group>;
  readonly fail: (reason: string) => void;
}

function* outputsOf(
  { grouping, source }: Plan,
  statement: GroupedStatement,
  { groups, fail }: Ending,
): Generator<Buffer> {
  const { limit, offset = 0n } = grouping ?? {};
  const place = { at: '' };
  const attempt = <T>(key: readonly unknown[], make: () => T): T | undefined => {
    place.at = '';
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      const group = statement.keyTexts(key).map(shownKey).join(', ');
      fail(
        `${source.file}:${place.at}: ${error.message} (SQLSTATE ${error.code})${group === '' ? '' : `, in the group ${group}`}`,
      );
      return undefined;
    }
  };
  const show = ({ key, states }: Group): Shown | undefined =>
    attempt(key, () => {
      const results = resultsOf(statement, states);
      if (!statement.having(key, results, place)) return undefined;
      return { key, results, sortValues: statement.sortValues(key, results, place) };
    });
  const writer = createWriter(1 << 16);
  let [skipped, written] = [0n, 0n];
  for (const shown of inOrder(statement, groups, show)) {
    if (limit !== undefined && written >= limit) break;
    if (skipped < offset) {
      skipped += 1n;
      continue;
    }
    const begun = writer.length;
    const done = attempt(shown.key, () => {
      statement.write(shown, place, { writer });
      writeByte(writer, LINE_BREAK);
      return true;
    });
    if (done === undefined) writer.length = begun;
    else written += 1n;
    if (writer.length < PART) continue;
    yield Buffer.from(writer.buffer.subarray(0, writer.length));
    writer.length = 0;
  }
  yield Buffer.from(writer.buffer.subarray(0, writer.length));
}

/** Returns the groups in the order of ORDER BY. Without it they come in the order of their first lines. */
function* inOrder(
  { sorting }: GroupedStatement,
  groups: Iterable<Group>,
  show: (group: Group) => Shown | undefined,
): Generator<Shown> {
  if (sorting.length === 0) {
    for (const group of groups) {
      const shown = show(group);
      if (shown !== undefined) yield shown;
    }
    return;
  }
  const all: Shown[] = [];
  for (const group of groups) {
    const shown = show(group);
    if (shown !== undefined) all.push(shown);
  }
  yield* all.sort((a, b) => compareRows(sorting, a.sortValues, b.sortValues));
}

const LINE_BREAK = 0x0a;
const PART = 1 << 16;
const LONGEST_KEY = 60;

function shownKey(text: string | null): string {
  return text === null ? 'null' : JSON.stringify(cutText(text, LONGEST_KEY));
}
