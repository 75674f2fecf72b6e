import type { Plan } from '../../../infra/sql/plan/plan.ts';
import { typeName } from '../../../infra/sql/plan/sql-type.ts';
import type { Attempt } from './oracle.ts';
import type { Made } from './run-event.ts';

/** What one event gave on both sides. */
export interface EventOutcome {
  readonly made: { readonly whole: Made; readonly alone: readonly Made[] };
  readonly plan: Plan;
  /** Of each part. */
  readonly alone: readonly Plan[];
  readonly theirs: Attempt;
  readonly back: Attempt;
  readonly parts: readonly Attempt[];
}

export function eventDifference({ made, plan, alone, theirs, back, parts }: EventOutcome): string | undefined {
  // An event rejected because of an unsupported feature (0A000) says nothing about the result.
  if ([made.whole, ...made.alone].some(({ rejected }) => rejected?.includes('SQLSTATE 0A000') === true))
    return undefined;
  let mayErr = false;
  for (const [i, part] of parts.entries()) {
    const ours = made.alone[i]?.rejected;
    const unwritable = ours?.includes('has no JSON number') === true;
    const isUnread = mayBeUnread(alone[i]!, made.alone[i]!);
    if (!unwritable && !isUnread && (ours !== undefined) !== (part.code !== null))
      return `part ${i + 1} alone, here: ${ours ?? 'no error'}, Postgres: ${part.message ?? 'no error'}`;
    mayErr ||= part.code !== null;
  }
  const { whole } = made;
  const unwritable = theirs.value?.startsWith('true:') === true;
  const failed = theirs.code !== null || unwritable;
  if (whole.rejected !== undefined || failed)
    return failed === (whole.rejected !== undefined) || mayErr || mayBeUnread(plan, whole)
      ? undefined
      : `here: ${whole.rejected ?? back.value}, Postgres: ${theirs.message ?? theirs.value}`;
  const rows = theirs.value?.slice('false:'.length) ?? '';
  if (back.value === null || ordered(plan, back.value) !== ordered(plan, rows))
    return `here: ${back.message ?? back.value}, Postgres: ${rows}`;
  return nullDifference(plan, whole);
}

/** Of two lists in FROM one may be empty: Postgres may have looked at the other first, and erred there. */
const mayBeUnread = ({ unnests }: Plan, { rejected, outputs }: Made): boolean =>
  unnests.length > 1 && rejected === undefined && outputs.length === 0;

/** Postgres may unnest one of two lists in the other's order. */
const ordered = ({ unnests }: Plan, rows: string): string =>
  unnests.length > 1 ? rows.split('\x1e').sort().join('\x1e') : rows;

export function nullDifference({ outputs }: Plan, { outputs: made }: Made): string | undefined {
  for (const { json } of made) {
    const row = JSON.parse(json) as Record<string, unknown>;
    const wrong = outputs.find(
      ({ name, expression: { nullable, type } }) => !nullable && row[name] === null && typeName(type) !== 'jsonb',
    );
    if (wrong !== undefined) return `"${wrong.name}" is null and was declared not null`;
  }
  return undefined;
}
