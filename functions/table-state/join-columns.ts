/**
 * Tells whether the stream of a join of two tables has all that its code reads of both, where the code before has read
 * what `before` says. The texts are those that say what the states are made of (`joinShape` of the compiler): `join 1
 * of customers by …: c.name text; scores by …: s.points integer`. Names that these texts could end in are compared as a
 * whole, and so are texts of another form.
 */
export function hasColumns(before: string | undefined, now: string | undefined): boolean {
  if (before === now) return true;
  const [old, next] = [before, now].map((text) => sidesOf(text ?? ''));
  if (old === undefined || next === undefined || old.length !== next.length) return false;
  return next.every(({ head, columns }, index) => {
    const side = old[index];
    return side?.head === head && columns.every((column) => side.columns.includes(column));
  });
}

interface Side {
  /** The input, and what it is joined by. */
  readonly head: string;
  readonly columns: readonly string[];
}

function sidesOf(text: string): readonly Side[] | undefined {
  const sides = text.split('; ').map((side): Side | undefined => {
    const [, head, columns] = SIDE.exec(side) ?? [];
    if (head === undefined || columns === undefined) return undefined;
    const all = columns === '' ? [] : columns.split(', ');
    return all.every((column) => COLUMN.test(column)) ? { head, columns: all } : undefined;
  });
  return sides.every((side) => side !== undefined) ? sides : undefined;
}

const SIDE = /^([^:]+): ?([^:;]*)$/;
const COLUMN = /^\w+\.\w+ [\w ()[\]]+$/;
