import { stateTypesOf } from './emit/grouped.ts';
import type { Grouping } from './plan/grouping.ts';
import type { Plan } from './plan/plan.ts';
import { signatureText } from './plan/routine.ts';
import type { SqlType } from './plan/sql-type.ts';
import { typeName } from './plan/sql-type.ts';
import { tableCostLines } from './table-cost.ts';

/** Says what a table keeps of each row, and about how many bytes that takes in Postgres. */
export function stateLines({ grouping, outputs }: Plan): readonly string[] {
  if (grouping === undefined) return [];
  const { heap, indexes, bytes } = rowBytes(grouping, outputs);
  return [
    ...aggregateLines(grouping),
    `about ${heap} bytes a row: its state ${bytes.state}, the row as JSON ${bytes.row}, its columns ${bytes.columns}, keys and header ${heap - bytes.state - bytes.row - bytes.columns}`,
    `about ${indexes} bytes a row in the two indexes of the key`,
    `texts, lists and JSON are counted as ${UNKNOWN} bytes each; a row and its state have at most 128 KiB each`,
    ...(grouping.having === undefined ? [] : ['a row that HAVING hides keeps its state']),
  ];
}

/** Says what a table costs, where its size is known. */
export function tableCostOf({ grouping, outputs }: Plan): readonly string[] {
  return grouping === undefined ? [] : tableCostLines(rowBytes(grouping, outputs));
}

/** Estimates the bytes of a row: in the table, in the two indexes of the key, and of its parts. */
function rowBytes(grouping: Grouping, outputs: Plan['outputs']) {
  const { keys } = grouping;
  const keyTypes = keys.map(({ expression }) => expression.type);
  const columns = outputs.map(({ name, expression }) => ({ name, type: expression.type }));
  const bytes = {
    id: sum(keyTypes.map((type) => textBytes(type) + 3)),
    eventKey: UNKNOWN,
    state: sum([...keyTypes, ...stateTypesOf(grouping).flat()].map((type) => textBytes(type) + 4)),
    row: sum(columns.map(({ name, type }) => name.length + 4 + textBytes(type))),
    columns: sum(columns.map(({ type }) => columnBytes(type))),
  };
  const indexes = 2 * INDEX_HEADER + bytes.id + sum(keyTypes.map(columnBytes));
  const heap = HEADER + bytes.id + bytes.eventKey + bytes.state + bytes.row + bytes.columns;
  return { heap, indexes, bytes };
}

function aggregateLines({ aggregates, first }: Grouping): readonly string[] {
  if (first !== undefined)
    return [
      `the row: ${first.values.map(({ expression }) => typeName(expression.type)).join(', ')}; cannot be subtracted`,
    ];
  return aggregates.map(({ resolved, state, isInvertible, isDistinct, sortKeys }) => {
    const growing = isDistinct || sortKeys.length > 0 ? ', all values of the group' : '';
    const name = signatureText(resolved.routine.name, resolved.parameters);
    const subtracted = isInvertible
      ? 'rows can be subtracted'
      : 'rows cannot be subtracted: it needs a side table of values';
    return `${name}${isDistinct ? ' DISTINCT' : ''}: ${state.map(typeName).join(', ')}${growing}; ${subtracted}`;
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** The header of a row and its pointer in the page; of an entry of an index. */
const HEADER = 36;
const INDEX_HEADER = 20;

/** What a value is counted as whose size nothing tells. */
const UNKNOWN = 16;

const COLUMN_BYTES: Readonly<Record<string, number>> = {
  boolean: 1,
  integer: 4,
  date: 4,
  bigint: 8,
  'double precision': 8,
  timestamp: 8,
  timestamptz: 8,
  numeric: 10,
  interval: 16,
  uuid: 16,
};

const TEXT_BYTES: Readonly<Record<string, number>> = {
  boolean: 5,
  integer: 5,
  date: 12,
  bigint: 7,
  'double precision': 10,
  numeric: 10,
  timestamp: 24,
  timestamptz: 26,
  uuid: 38,
};

const columnBytes = (type: SqlType): number => COLUMN_BYTES[typeName(type)] ?? UNKNOWN;
const textBytes = (type: SqlType): number => TEXT_BYTES[typeName(type)] ?? UNKNOWN;
