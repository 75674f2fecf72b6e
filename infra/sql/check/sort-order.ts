import type { SortBy } from 'libpg-query';
import type { Checked } from '../plan/checked.ts';
import type { SortKey } from '../plan/grouping.ts';
import { holdsRecord } from '../plan/sql-type.ts';
import type { CheckContext } from './context.ts';
import { mistake } from './context.ts';

/**
 * Returns the order that one item of ORDER BY asks for. Nulls come last, or first with DESC, unless it says otherwise.
 */
export function sortOrder(context: Pick<CheckContext, 'source'>, item: SortBy, expression: Checked): SortKey {
  if (item.sortby_dir === 'SORTBY_USING')
    throw mistake(context, 'unsupported', {
      offset: expression.offset,
      problem: 'ORDER BY … USING is not supported',
      hint: 'write ASC or DESC',
    });
  if (holdsRecord(expression.type))
    throw mistake(context, 'unsupported', {
      offset: expression.offset,
      problem: 'ORDER BY of an object is not supported',
      hint: 'use its fields, such as (address).city',
    });
  const isDescending = item.sortby_dir === 'SORTBY_DESC';
  const nullsFirst =
    item.sortby_nulls === 'SORTBY_NULLS_FIRST' || (isDescending && item.sortby_nulls !== 'SORTBY_NULLS_LAST');
  return { expression, isDescending, nullsFirst };
}
