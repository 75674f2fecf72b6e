import type { Checked, ScopeColumn } from '../plan/checked.ts';
import type { ForeignKey, Join, JoinSide } from '../plan/join.ts';
import { suggest } from '../syntax/suggest.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';
import { keyText } from './join.ts';

type Base = Omit<CheckContext, 'check' | 'columns'>;

/** What the rows of an input are keyed by: a line `-- key orders: order_id`. */
export interface DeclaredKey {
  readonly columns: readonly string[];
  /** Where the line is in the file. */
  readonly offset: number;
}

/**
 * Returns the key of the left table's rows, if it is another than what ON compares: then that is a foreign key.
 * `declared` are the keys that the file names, by their inputs; of an input without one, ON compares the key.
 */
export function foreignKey(base: Base, join: Join, declared: ReadonlyMap<string, DeclaredKey>): ForeignKey | undefined {
  const { left, right, kind } = join;
  for (const [input, { offset }] of declared) {
    if (input === left.name || input === right.name) continue;
    throw mistake(base, 'invalid', {
      offset,
      problem: `the statement joins no input "${input}"`,
      hint: `its inputs are ${left.name} and ${right.name}`,
    });
  }
  const [ofLeft, ofRight] = [left, right].map((side) => {
    const key = declared.get(side.name);
    return key === undefined ? undefined : columnsOf(base, side, key);
  });
  if (ofRight !== undefined && !isCompared(right, ofRight))
    throw mistake(base, 'unsupported', {
      offset: right.on[0]?.offset ?? right.offset,
      problem: `ON does not compare the key of ${right.name}, which is ${namesOf(ofRight)}: a row of ${left.name} could meet several rows`,
      hint: `compare ${ofRight.map(({ name }) => `${right.table}.${name}`).join(' and ')} with columns of ${left.name}; or name ${right.name} first, if its rows have the key of ${left.name}`,
    });
  if (ofLeft === undefined || isCompared(left, ofLeft)) return undefined;
  if (kind === 'right' || kind === 'full')
    throw mistake(base, 'unsupported', {
      offset: right.offset,
      problem: `${kind.toUpperCase()} JOIN by a foreign key is not supported: a row of ${right.name} that no row of ${left.name} names has no key in the result`,
      hint: `write JOIN, or LEFT JOIN to keep the rows of ${left.name} that meet none`,
    });
  const id = ofLeft.map(
    (column): Checked => ({
      kind: 'column',
      column,
      type: column.type,
      nullable: column.nullable,
      offset: declared.get(left.name)?.offset ?? left.offset,
    }),
  );
  return { id, idTexts: id.map((column) => keyText(base, column)) };
}

/** Throws for a key of an input where its events are joined: a table is keyed by what ON compares there. */
export function refuseKeys(base: Base, declared: ReadonlyMap<string, DeclaredKey>): void {
  for (const { offset } of declared.values())
    throw mistake(base, 'unsupported', {
      offset,
      problem:
        'only CREATE TABLE reads the keys of its inputs: a stream is joined with a table by the key of the table',
      hint: 'remove the line, or write CREATE TABLE to join two tables',
    });
}

function columnsOf(base: Base, { name, columns }: JoinSide, key: DeclaredKey): readonly ScopeColumn[] {
  return key.columns.map((wanted) => {
    const found = columns.find((column) => column.name === wanted);
    if (found !== undefined) return found;
    const known = columns.map((column) => column.name);
    const near = suggest(wanted, known);
    throw mistake(base, 'invalid', {
      offset: key.offset,
      problem: `${name} has no column "${wanted}"`,
      hint: near === undefined ? `it has ${known.join(', ')}` : `did you mean "${near}"?`,
    });
  });
}

/** Tests whether ON compares the columns of a key, and nothing else of the side. */
function isCompared({ on }: JoinSide, key: readonly ScopeColumn[]): boolean {
  const compared = on.map((one) => (one.kind === 'cast' ? one.arg : one));
  return (
    compared.length === key.length &&
    key.every(({ name }) => compared.some((one) => one.kind === 'column' && one.column.name === name))
  );
}

const namesOf = (columns: readonly ScopeColumn[]): string => columns.map(({ name }) => name).join(', ');
