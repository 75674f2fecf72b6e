import type { SqlType } from '../plan/sql-type.ts';
import { holdsRecord, isScalar, isUnknown, sameType, typeName } from '../plan/sql-type.ts';
import { factsOf } from './type-facts.ts';

/** Where Postgres applies a cast: anywhere (implicit), or only where the statement writes it (explicit). */
export type CastContext = 'implicit' | 'explicit';

interface Cast {
  readonly context: CastContext;
  /** A template with `$1`, like the code of a routine. */
  readonly code: string;
  /** The result may be null although the argument is not. */
  readonly nullable: boolean;
}

/** The rows of Postgres's pg_cast for the types that are supported here. */
const CASTS: Record<string, readonly [CastContext, code: string]> = {
  'integer → bigint': ['implicit', '{numbers/integers/integerToBigint}($1)'],
  'integer → double precision': ['implicit', '$1'],
  'integer → numeric': ['implicit', '{numbers/decimal-functions/integerToDecimal}($1)'],
  'integer → boolean': ['explicit', '$1 !== 0'],
  'bigint → integer': ['explicit', '{numbers/integers/bigintToInteger}($1)'],
  'bigint → double precision': ['implicit', '{numbers/doubles/bigintToDouble}($1)'],
  'bigint → numeric': ['implicit', '{numbers/decimal-functions/bigintToDecimal}($1)'],
  'double precision → integer': ['explicit', '{numbers/doubles/doubleToInteger}($1)'],
  'double precision → bigint': ['explicit', '{numbers/doubles/doubleToBigint}($1)'],
  'double precision → numeric': ['explicit', '{numbers/decimal-functions/doubleToDecimal}($1)'],
  'numeric → integer': ['explicit', '{numbers/decimal-functions/decimalToInteger}($1)'],
  'numeric → bigint': ['explicit', '{numbers/decimal-functions/decimalToBigint}($1)'],
  'numeric → double precision': ['implicit', '{numbers/decimal-functions/decimalToDouble}($1)'],
  'boolean → integer': ['explicit', '{logic/booleanToInteger}($1)'],
  'date → timestamp': ['implicit', '{time/dates/dateToTimestamp}($1)'],
  'date → timestamptz': ['implicit', '{time/dates/dateToTimestamp}($1)'],
  'timestamp → timestamptz': ['implicit', '$1'],
  'timestamp → date': ['explicit', '{time/dates/timestampToDate}($1)'],
  'timestamptz → date': ['explicit', '{time/dates/timestampToDate}($1)'],
  'timestamptz → timestamp': ['explicit', '$1'],
  'jsonb → boolean': ['explicit', '{json/json-building/jsonToBoolean}($1)'],
  'jsonb → numeric': ['explicit', '{json/json-building/jsonToDecimal}($1)'],
  'jsonb → integer': ['explicit', '{json/json-numbers/jsonToInteger}($1)'],
  'jsonb → bigint': ['explicit', '{json/json-numbers/jsonToBigint}($1)'],
  'jsonb → double precision': ['explicit', '{json/json-numbers/jsonToDouble}($1)'],
};

/** Finds the cast from one type to another; undefined if Postgres has none or does not apply it in this context. */
export function findCast(from: SqlType, to: SqlType, context: CastContext): Cast | undefined {
  if (sameType(from, to)) return { context: 'implicit', code: '$1', nullable: false };
  const found = CASTS[`${typeName(from)} → ${typeName(to)}`];
  if (found !== undefined) {
    if (context === 'implicit' && found[0] !== 'implicit') return undefined;
    return { context: found[0], code: found[1], nullable: isScalar(from, 'jsonb') };
  }
  if (from.kind === 'array' && to.kind === 'array') return castArray(from.element, to.element, context);
  return context === 'explicit' ? castThroughText(from, to) : undefined;
}

export function canCoerce(from: SqlType, to: SqlType): boolean {
  return isUnknown(from) || findCast(from, to, 'implicit') !== undefined;
}

function castArray(from: SqlType, to: SqlType, context: CastContext): Cast | undefined {
  const element = findCast(from, to, context);
  if (element === undefined) return undefined;
  const convert = `(item) => item === null ? null : ${element.code.replaceAll('$1', 'item')}`;
  return { context: element.context, code: `$1.map(${convert})`, nullable: false };
}

/** Returns an explicit cast to or from text, which every type has. */
function castThroughText(from: SqlType, to: SqlType): Cast | undefined {
  if (holdsRecord(from) || holdsRecord(to)) return undefined;
  if (isScalar(to, 'text')) return { context: 'explicit', code: `${factsOf(from).toText}($1)`, nullable: false };
  if (isScalar(from, 'text')) return { context: 'explicit', code: `${factsOf(to).fromText}($1)`, nullable: false };
  return undefined;
}
