import type { Checked, ScopeColumn } from '../plan/checked.ts';
import { columnsOf } from '../plan/checked.ts';
import { conjuncts } from '../plan/conditions.ts';
import type { Plan } from '../plan/plan.ts';
import { isScalar } from '../plan/sql-type.ts';
import { positionAt } from '../syntax/source-position.ts';
import { readColumn } from './columns.ts';
import { emit, grouped } from './expression.ts';
import type { ModuleCode } from './module-code.ts';
import { constant, expand, quoteText } from './module-code.ts';

export interface Filter {
  /** Tests that compare bytes and decode nothing, so they run first. */
  readonly bytesTests: string | undefined;
  readonly reads: readonly string[];
  readonly tests: string;
}

interface Condition {
  readonly where: Checked;
  readonly indexes: ReadonlyMap<ScopeColumn, number>;
}

/**
 * Returns the code of WHERE. Only events for which it is true are kept, so null and false need not be distinguished.
 * `column = 'text'` compares bytes.
 */
export function filterCode(module: ModuleCode, plan: Plan, { where, indexes }: Condition): Filter {
  const decoded: Checked[] = [];
  const inBytes: string[] = [];
  const tests: string[] = [];
  for (const part of conjuncts(where)) {
    const test = bytesTest(module, part, indexes);
    if (test === undefined) tests.push(valueTest(module, plan, { part, decoded }));
    else inBytes.push(test);
  }
  const needed = [...new Set(decoded.flatMap(columnsOf))];
  const reads = needed.map((column) => readColumn(module, column, { indexes }));
  const bytesTests = inBytes.length === 0 ? undefined : inBytes.join(' && ');
  return { bytesTests, reads, tests: tests.join(' && ') };
}

function valueTest(module: ModuleCode, plan: Plan, { part, decoded }: { part: Checked; decoded: Checked[] }): string {
  decoded.push(part);
  const code = grouped(emit(module, part));
  const { line, column } = positionAt(plan.source, part.offset);
  const test = part.nullable ? `${code} === true` : code;
  return part.kind === 'column' || part.kind === 'test' ? test : `((row.at = '${line}:${column}'), ${test})`;
}

/** Returns code for `column = 'text'` that does not decode the column; undefined for any other condition. */
function bytesTest(module: ModuleCode, part: Checked, indexes: ReadonlyMap<ScopeColumn, number>): string | undefined {
  const test = textTest(part, indexes);
  if (test === undefined) return undefined;
  const bytes = constant(module, `Buffer.from(${quoteText(test.text)})`, 'bytes');
  return `${expand(module, '{row/row-values/isTextAt}')}(row, ${test.column}, ${bytes})`;
}

interface TextTest {
  readonly column: number;
  readonly text: string;
}

/** Finds the first condition of WHERE of the form `column = 'text'`. */
export function firstTextTest(where: Checked, indexes: ReadonlyMap<ScopeColumn, number>): TextTest | undefined {
  return conjuncts(where)
    .map((part) => textTest(part, indexes))
    .find((test) => test !== undefined);
}

function textTest(part: Checked, indexes: ReadonlyMap<ScopeColumn, number>): TextTest | undefined {
  if (part.kind !== 'call' || part.resolved.routine.name !== '=') return undefined;
  const column = part.args.find((arg) => arg.kind === 'column');
  const text = part.args.find((arg) => arg.kind === 'constant');
  if (column?.kind !== 'column' || text?.kind !== 'constant' || text.text === null || !isScalar(column.type, 'text'))
    return undefined;
  const index = indexes.get(column.column);
  return index === undefined ? undefined : { column: index, text: text.text };
}
