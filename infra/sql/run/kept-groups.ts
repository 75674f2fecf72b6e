import { UserMistake } from '../../../functions/runtime/errors.ts';
import type {
  GroupedStatement,
  GroupMemory,
  TakeRow,
} from '../../../functions/runtime/sql/aggregates/grouped-statement.ts';
import type { Row } from '../../../functions/runtime/sql/row/row.ts';

/** A group, or one window of it. */
export interface Group {
  /** The values of GROUP BY, and then the bounds of the window. */
  key: readonly unknown[];
  states: unknown[];
}

/** The groups of a statement in memory. */
export interface KeptGroups {
  /** Call this before the rows of each line. */
  readonly startLine: (row: Row) => void;
  /** Adds a row of the line. Throws `SqlError` if an aggregate fails: then call `undoLine`. */
  readonly take: TakeRow;
  /** Set where a row is in one group: `GroupedStatement.addTo` may change its states. */
  readonly find?: GroupMemory['find'];
  /** Takes the rows of the line back: all rows of a line count, or none. */
  readonly undoLine: () => void;
  /** In the order in which they begin. */
  readonly all: ReadonlySet<Group>;
}

export interface Keeping {
  readonly statement: GroupedStatement;
  /** The number of groups beyond which a row throws. */
  readonly most: number;
  /** Whether a line may have several rows, or a row several windows: then a line may fail when rows of it count. */
  readonly isUndone: boolean;
}

/** The groups in their order, and the line that is being added. */
export interface Line<G extends Group> extends Pick<KeptGroups, 'startLine' | 'undoLine'> {
  readonly all: Set<G>;
  /** Where errors of the line note their position. */
  readonly place: () => Row;
  /** Adds a group. Throws when there are too many. */
  readonly begin: (group: G) => G;
  /** Notes how to take a change back, if lines may have to be. */
  readonly changed: (undo: () => void) => void;
}

export function startLines<G extends Group>({ most, isUndone }: Keeping): Line<G> {
  const all = new Set<G>();
  const changes: (() => void)[] = [];
  let current: Row | undefined;
  const changed = (undo: () => void): void => void (isUndone && changes.push(undo));
  return {
    all,
    changed,
    place: () => current as Row,
    startLine(row) {
      current = row;
      if (changes.length > 0) changes.length = 0;
    },
    undoLine() {
      for (const undo of changes.reverse()) undo();
    },
    begin(group) {
      if (all.size >= most) throw tooMany(most);
      all.add(group);
      changed(() => all.delete(group));
      return group;
    },
  };
}

const tooMany = (most: number): UserMistake =>
  new UserMistake(
    `there are more than ${most.toLocaleString('en')} groups, which millrace sql keeps in memory: group by fewer columns, or choose lines with WHERE`,
  );
