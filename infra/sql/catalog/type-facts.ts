import type { ScalarName, SqlType } from '../sql-type.ts';

/** What generated code calls for a type's values, as templates in which `{module/name}` is an import. */
export interface TypeFacts {
  readonly fromText: string;
  /** `value::text`. */
  readonly toText: string;
  /** As concat, format and arrays print it; differs from `::text` for boolean alone. */
  readonly output: string;
  readonly compare: string;
  readonly equal: string;
  /** Whether JavaScript's own operators compare its values. */
  readonly plain: boolean;
  readonly toJson: string;
  /** From the JSON that an event carries: how a column of a declared object and an element of a list is read. */
  readonly fromJson: string;
  readonly typescript: string;
}

const facts = (names: Omit<TypeFacts, 'output' | 'plain'> & Partial<TypeFacts>): TypeFacts => ({
  output: names.toText,
  plain: names.equal === '{logic/equalValues}',
  ...names,
});

const SCALARS: Record<ScalarName, TypeFacts> = {
  boolean: facts({
    fromText: '{logic/booleanFromText}',
    toText: '{logic/booleanText}',
    output: '{logic/booleanOutput}',
    compare: '{logic/compareBooleans}',
    equal: '{logic/equalValues}',
    toJson: '{json-building/jsonFromBoolean}',
    fromJson: '{json-columns/booleanFromJson}',
    typescript: 'boolean',
  }),
  integer: facts({
    fromText: '{integers/integerFromText}',
    toText: '{integers/integerText}',
    compare: '{integers/compareNumbers}',
    equal: '{logic/equalValues}',
    toJson: '{json-building/jsonFromInteger}',
    fromJson: '{json-columns/integerFromJson}',
    typescript: 'number',
  }),
  bigint: facts({
    fromText: '{integers/bigintFromText}',
    toText: '{integers/integerText}',
    compare: '{integers/compareBigints}',
    equal: '{logic/equalValues}',
    toJson: '{json-building/jsonFromInteger}',
    fromJson: '{json-columns/bigintFromJson}',
    typescript: 'bigint',
  }),
  'double precision': facts({
    fromText: '{doubles/doubleFromText}',
    toText: '{doubles/doubleText}',
    compare: '{doubles/compareDoubles}',
    equal: '{doubles/equalDoubles}',
    toJson: '{json-building/jsonFromDouble}',
    fromJson: '{json-columns/doubleFromJson}',
    typescript: 'number',
  }),
  numeric: facts({
    fromText: '{decimals/decimalFromText}',
    toText: '{decimals/decimalText}',
    compare: '{decimals/compareDecimals}',
    equal: '{decimals/equalDecimals}',
    toJson: '{json-building/jsonFromDecimal}',
    fromJson: '{json-columns/decimalFromJson}',
    typescript: 'Decimal',
  }),
  text: facts({
    fromText: '{text/sameText}',
    toText: '{text/sameText}',
    compare: '{text/compareText}',
    equal: '{logic/equalValues}',
    toJson: '{json-building/jsonFromString}',
    fromJson: '{json-columns/textFromJson}',
    typescript: 'string',
  }),
  unknown: facts({
    fromText: '{text/sameText}',
    toText: '{text/sameText}',
    compare: '{text/compareText}',
    equal: '{logic/equalValues}',
    toJson: '{json-building/jsonFromString}',
    fromJson: '{json-columns/textFromJson}',
    typescript: 'string',
  }),
  date: facts({
    fromText: '{dates/dateFromText}',
    toText: '{dates/dateText}',
    compare: '{integers/compareNumbers}',
    equal: '{logic/equalValues}',
    toJson: '{dates/dateText}',
    fromJson: '{json-columns/dateFromJson}',
    typescript: 'number',
  }),
  timestamp: facts({
    fromText: '{timestamps/timestampFromText}',
    toText: '{timestamps/timestampText}',
    compare: '{integers/compareBigints}',
    equal: '{logic/equalValues}',
    toJson: '{timestamps/timestampJson}',
    fromJson: '{json-columns/timestampFromJson}',
    typescript: 'bigint',
  }),
  timestamptz: facts({
    fromText: '{timestamps/timestamptzFromText}',
    toText: '{timestamps/timestamptzText}',
    compare: '{integers/compareBigints}',
    equal: '{logic/equalValues}',
    toJson: '{timestamps/timestamptzJsonb}',
    fromJson: '{json-columns/timestamptzFromJson}',
    typescript: 'bigint',
  }),
  interval: facts({
    fromText: '{intervals/intervalFromText}',
    toText: '{intervals/intervalText}',
    compare: '{intervals/compareIntervals}',
    equal: '{intervals/equalIntervals}',
    toJson: '{intervals/intervalText}',
    fromJson: '{json-columns/intervalFromJson}',
    typescript: 'Interval',
  }),
  uuid: facts({
    fromText: '{uuids/uuidFromText}',
    toText: '{text/sameText}',
    compare: '{uuids/compareUuids}',
    equal: '{logic/equalValues}',
    toJson: '{text/sameText}',
    fromJson: '{json-columns/uuidFromJson}',
    typescript: 'string',
  }),
  jsonb: facts({
    fromText: '{json/jsonFromText}',
    toText: '{json/jsonText}',
    compare: '{json/compareJson}',
    equal: '{json/equalJson}',
    toJson: '{json-building/jsonFromJson}',
    fromJson: '{json-building/jsonFromJson}',
    typescript: 'Json',
  }),
  bytea: facts({
    fromText: '{bytes/bytesFromText}',
    toText: '{bytes/bytesText}',
    compare: '{bytes/compareBytes}',
    equal: '{bytes/equalBytes}',
    toJson: '{bytes/bytesText}',
    fromJson: '{json-columns/bytesFromJson}',
    typescript: 'Uint8Array',
  }),
};

export function factsOf(type: SqlType): TypeFacts {
  if (type.kind === 'scalar') return SCALARS[type.name];
  if (type.kind === 'record') return { ...SCALARS.jsonb, fromJson: '{json-columns/recordFromJson}' };
  const element = factsOf(type.element);
  const toText = `{array-text/arrayText}(${element.output})`;
  return {
    fromText: `{array-text/arrayFromText}(${element.fromText})`,
    toText,
    output: toText,
    compare: `{arrays/arrayCompare}(${element.compare})`,
    equal: `{arrays/arrayEqual}(${element.equal})`,
    plain: false,
    toJson: `{json-building/jsonFromArray}(${element.toJson})`,
    fromJson: `{json-columns/arrayFromJson}(${element.fromJson})`,
    typescript: `readonly (${element.typescript} | null)[]`,
  };
}
