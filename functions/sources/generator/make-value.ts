import { UserMistake } from '../../runtime/errors.ts';
import type { WireSchema } from '../../runtime/json/wire-schema.ts';
import { makeText } from './make-text.ts';
import { oneOf, type Random, wholeNumber } from './random.ts';

/** What a value is made for. */
export interface Making {
  /** The whole schema: references in it start here. */
  readonly root: WireSchema;
  readonly random: Random;
  /** The time of the event, which its dates and times have too. */
  readonly time: Date;
  /** The field that the value is for: its texts begin with that name. */
  readonly name: string;
  /** Lists to choose from, by the name of a field. */
  readonly values: Readonly<Record<string, readonly unknown[]>>;
  readonly depth: number;
}

/** Deeper values are left out where the schema lets them be left out. */
const DEEPEST = 8;

/** Makes a value that fits a schema. Throws a `UserMistake` where it does not know how. */
export function makeValue(part: WireSchema | boolean, making: Making): unknown {
  const { root, random, name, depth } = making;
  const listed = making.values[name];
  if (listed !== undefined) return oneOf(random, listed);
  if (part === false || depth > 2 * DEEPEST) throw new UserMistake(`'${name}' is nested without an end, or never fits`);
  if (part === true) return wholeNumber(random, 0, 1_000);
  if (part.$ref !== undefined) return makeValue(targetOf(part.$ref, root), { ...making, depth: depth + 1 });
  if (part.const !== undefined) return part.const;
  if (part.enum !== undefined) return oneOf(random, part.enum);
  const alternatives = alternativesOf(part);
  if (alternatives !== undefined) return makeValue(alternativeOf(alternatives, making), making);
  switch (part.type) {
    case undefined:
      return wholeNumber(random, 0, 1_000);
    case 'null':
      return null;
    case 'boolean':
      return random() < 0.5;
    case 'integer':
    case 'number':
      return makeNumber(part, random);
    case 'string':
      return makeText(part, making);
    case 'array':
      return makeList(part, making);
    case 'object':
      return makeObject(part, making);
    default:
      throw new UserMistake(`'${name}' has the type ${JSON.stringify(part.type)}`);
  }
}

/** Returns the schemas of which a value fits one; undefined when there is only this one. */
export function alternativesOf(part: WireSchema): readonly (WireSchema | boolean)[] | undefined {
  const { type } = part;
  if (Array.isArray(type)) return type.map((one) => ({ ...part, type: one }) as WireSchema);
  return part.anyOf ?? part.oneOf;
}

function targetOf($ref: string, root: WireSchema): WireSchema | boolean {
  return $ref === '#' ? root : (root.$defs?.[$ref.replace('#/$defs/', '')] ?? {});
}

const NULL_SHARE = 0.1;

/**
 * Chooses an alternative. Null is rare, and the only choice where it ends a value that holds values of its own kind.
 */
function alternativeOf(alternatives: readonly (WireSchema | boolean)[], { random, depth }: Making) {
  const isNull = (one: WireSchema | boolean): boolean => typeof one === 'object' && one.type === 'null';
  const nulls = alternatives.filter(isNull);
  const others = alternatives.filter((one) => !isNull(one));
  const takesNull = nulls.length > 0 && (others.length === 0 || depth > DEEPEST || random() < NULL_SHARE);
  return oneOf(random, takesNull ? nulls : others);
}

const USUAL_RANGE = 1_000;

function makeNumber(part: WireSchema, random: Random): number {
  const { type, multipleOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = part;
  const least = Math.max(minimum ?? Number.NEGATIVE_INFINITY, asNumber(exclusiveMinimum) ?? Number.NEGATIVE_INFINITY);
  const most = Math.min(maximum ?? Number.POSITIVE_INFINITY, asNumber(exclusiveMaximum) ?? Number.POSITIVE_INFINITY);
  // A bound far away, such as that of all safe integers, says nothing of usual values.
  const from = least > -1e15 ? least : Math.min(0, most - USUAL_RANGE);
  const to = most < 1e15 ? most : Math.max(from, 0) + USUAL_RANGE;
  const step = multipleOf ?? (type === 'integer' ? 1 : to - from >= 1 ? 0.01 : (to - from) / 1_000 || 1);
  const isOpenBelow = exclusiveMinimum !== undefined && from === exclusiveMinimum;
  const isOpenAbove = exclusiveMaximum !== undefined && to === exclusiveMaximum;
  const first = Math.ceil(from / step) + (isOpenBelow && Number.isInteger(from / step) ? 1 : 0);
  const last = Math.floor(to / step) - (isOpenAbove && Number.isInteger(to / step) ? 1 : 0);
  const value = wholeNumber(random, first, Math.max(first, last)) * step;
  // 3 × 0.1 is not 0.3 in binary.
  return Number(value.toPrecision(12));
}

function asNumber(bound: unknown): number | undefined {
  return typeof bound === 'number' ? bound : undefined;
}

const USUAL_ITEMS = 3;

function makeList(part: WireSchema, making: Making): unknown[] {
  const { minItems = 0, maxItems = minItems + USUAL_ITEMS, items, prefixItems = [] } = part;
  const inner = { ...making, depth: making.depth + 1 };
  const count =
    making.depth > DEEPEST ? minItems : wholeNumber(making.random, minItems, Math.min(maxItems, minItems + 3));
  const first = prefixItems.map((item) => makeValue(item, inner));
  const rest = Math.max(0, count - first.length);
  const item = Array.isArray(items) || items === undefined ? undefined : items;
  return item === undefined ? first : [...first, ...Array.from({ length: rest }, () => makeValue(item, inner))];
}

const OPTIONAL_SHARE = 0.9;

function makeObject(part: WireSchema, making: Making): Record<string, unknown> {
  const { properties = {}, required = [] } = part;
  const made: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const isListed = name in making.values;
    const isLeftOut = making.depth > DEEPEST || (!isListed && making.random() >= OPTIONAL_SHARE);
    if (isLeftOut && !required.includes(name)) continue;
    made[name] = makeValue(property, { ...making, name, depth: making.depth + 1 });
  }
  return made;
}
