import type { ScalarName, SqlType } from '../plan/sql-type.ts';

/** The functions that generated code calls for values of a type, as templates: `{module/name}` is an import. */
export interface TypeFacts {
  readonly fromText: string;
  /** `value::text`. */
  readonly toText: string;
  /** The text that concat, format and arrays print; it differs from `::text` only for boolean. */
  readonly output: string;
  readonly compare: string;
  readonly equal: string;
  /** Gives values that JavaScript finds the same exactly if the values are equal: what GROUP BY and DISTINCT go by. */
  readonly identity: string;
  /** Whether JavaScript's operators can compare the values. */
  readonly plain: boolean;
  readonly toJson: string;
  /** Reads a field of a declared object, or an element of a list, from the JSON of the event. */
  readonly fromJson: string;
  readonly typescript: string;
}

const facts = (names: Omit<TypeFacts, 'output' | 'plain' | 'identity'> & Partial<TypeFacts>): TypeFacts => ({
  output: names.toText,
  identity: '{aggregates/identity/sameIdentity}',
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
    toJson: '{json/json-building/jsonFromBoolean}',
    fromJson: '{json/json-columns/booleanFromJson}',
    typescript: 'boolean',
  }),
  integer: facts({
    fromText: '{numbers/integers/integerFromText}',
    toText: '{numbers/integers/integerText}',
    compare: '{numbers/integers/compareNumbers}',
    equal: '{logic/equalValues}',
    toJson: '{json/json-building/jsonFromInteger}',
    fromJson: '{json/json-columns/integerFromJson}',
    typescript: 'number',
  }),
  bigint: facts({
    fromText: '{numbers/integers/bigintFromText}',
    toText: '{numbers/integers/integerText}',
    compare: '{numbers/integers/compareBigints}',
    equal: '{logic/equalValues}',
    toJson: '{json/json-building/jsonFromInteger}',
    fromJson: '{json/json-columns/bigintFromJson}',
    typescript: 'bigint',
  }),
  'double precision': facts({
    fromText: '{numbers/doubles/doubleFromText}',
    toText: '{numbers/doubles/doubleText}',
    compare: '{numbers/doubles/compareDoubles}',
    equal: '{numbers/doubles/equalDoubles}',
    toJson: '{json/json-building/jsonFromDouble}',
    fromJson: '{json/json-columns/doubleFromJson}',
    typescript: 'number',
  }),
  numeric: facts({
    fromText: '{numbers/decimals/decimalFromText}',
    toText: '{numbers/decimals/decimalText}',
    compare: '{numbers/decimals/compareDecimals}',
    equal: '{numbers/decimals/equalDecimals}',
    identity: '{numbers/decimal-functions/decimalIdentity}',
    toJson: '{json/json-building/jsonFromDecimal}',
    fromJson: '{json/json-columns/decimalFromJson}',
    typescript: 'Decimal',
  }),
  text: facts({
    fromText: '{text/text/sameText}',
    toText: '{text/text/sameText}',
    compare: '{text/text/compareText}',
    equal: '{logic/equalValues}',
    toJson: '{json/json-building/jsonFromString}',
    fromJson: '{json/json-columns/textFromJson}',
    typescript: 'string',
  }),
  unknown: facts({
    fromText: '{text/text/sameText}',
    toText: '{text/text/sameText}',
    compare: '{text/text/compareText}',
    equal: '{logic/equalValues}',
    toJson: '{json/json-building/jsonFromString}',
    fromJson: '{json/json-columns/textFromJson}',
    typescript: 'string',
  }),
  date: facts({
    fromText: '{time/dates/dateFromText}',
    toText: '{time/dates/dateText}',
    compare: '{numbers/integers/compareNumbers}',
    equal: '{logic/equalValues}',
    toJson: '{time/dates/dateText}',
    fromJson: '{json/json-columns/dateFromJson}',
    typescript: 'number',
  }),
  timestamp: facts({
    fromText: '{time/timestamps/timestampFromText}',
    toText: '{time/timestamps/timestampText}',
    compare: '{numbers/integers/compareBigints}',
    equal: '{logic/equalValues}',
    toJson: '{time/timestamps/timestampJson}',
    fromJson: '{json/json-columns/timestampFromJson}',
    typescript: 'bigint',
  }),
  timestamptz: facts({
    fromText: '{time/timestamps/timestamptzFromText}',
    toText: '{time/timestamps/timestamptzText}',
    compare: '{numbers/integers/compareBigints}',
    equal: '{logic/equalValues}',
    toJson: '{time/timestamps/timestamptzJsonb}',
    fromJson: '{json/json-columns/timestamptzFromJson}',
    typescript: 'bigint',
  }),
  interval: facts({
    fromText: '{time/interval-text/intervalFromText}',
    toText: '{time/intervals/intervalText}',
    compare: '{time/intervals/compareIntervals}',
    equal: '{time/intervals/equalIntervals}',
    identity: '{time/intervals/intervalIdentity}',
    toJson: '{time/intervals/intervalText}',
    fromJson: '{json/json-columns/intervalFromJson}',
    typescript: 'Interval',
  }),
  uuid: facts({
    fromText: '{text/uuids/uuidFromText}',
    toText: '{text/text/sameText}',
    compare: '{text/uuids/compareUuids}',
    equal: '{logic/equalValues}',
    toJson: '{text/text/sameText}',
    fromJson: '{json/json-columns/uuidFromJson}',
    typescript: 'string',
  }),
  jsonb: facts({
    fromText: '{json/json/jsonFromText}',
    toText: '{json/json/jsonText}',
    compare: '{json/json/compareJson}',
    equal: '{json/json/equalJson}',
    identity: '{json/json/jsonIdentity}',
    toJson: '{json/json-building/jsonFromJson}',
    fromJson: '{json/json-building/jsonFromJson}',
    typescript: 'Json',
  }),
  bytea: facts({
    fromText: '{text/bytes/bytesFromText}',
    toText: '{text/bytes/bytesText}',
    compare: '{text/bytes/compareBytes}',
    equal: '{text/bytes/equalBytes}',
    identity: '{text/bytes/bytesText}',
    toJson: '{text/bytes/bytesText}',
    fromJson: '{json/json-columns/bytesFromJson}',
    typescript: 'Uint8Array',
  }),
};

export function factsOf(type: SqlType): TypeFacts {
  if (type.kind === 'scalar') return SCALARS[type.name];
  if (type.kind === 'record') return { ...SCALARS.jsonb, fromJson: '{json/json-columns/recordFromJson}' };
  const element = factsOf(type.element);
  const toText = `{arrays/array-text/arrayText}(${element.output})`;
  return {
    fromText: `{arrays/array-text/arrayFromText}(${element.fromText})`,
    toText,
    output: toText,
    compare: `{arrays/arrays/arrayCompare}(${element.compare})`,
    equal: `{arrays/arrays/arrayEqual}(${element.equal})`,
    identity: `{aggregates/identity/arrayIdentity}(${element.identity})`,
    plain: false,
    toJson: `{json/json-building/jsonFromArray}(${element.toJson})`,
    fromJson: `{json/json-columns/arrayFromJson}(${element.fromJson})`,
    typescript: `readonly (${element.typescript} | null)[]`,
  };
}
