import { UserMistake } from '../../runtime/errors.ts';
import { LONGEST_KEY } from '../../runtime/event.ts';
import { checkerOf, type WireSchema } from '../../runtime/json/wire-schema.ts';
import { encodeOrdered } from '../../runtime/position.ts';
import type { PulledEvent } from '../../runtime/source.ts';
import { drawRank } from './draw-rank.ts';
import { alternativesOf, makeValue } from './make-value.ts';
import { oneOf, randomAt } from './random.ts';

export interface Plan {
  readonly schema: WireSchema;
  readonly type: string;
  /** The field that becomes the key. */
  readonly key: string;
  /** The field that has the event's time too. */
  readonly time?: string | undefined;
  readonly seed: number;
  readonly keys: number;
  readonly skew: number;
  /** The share of events whose data does not fit the schema, 0 to 1. */
  readonly bad: number;
  readonly values: Readonly<Record<string, readonly unknown[]>>;
}

/** Makes the event with this number, from 0 on: always the same at the same time. */
export type MakeEvent = (number: number, time: Date) => PulledEvent;

/** What is drawn for one number. They never share random numbers. */
const PURPOSE = { data: 1, key: 2, rank: 3, bad: 4 } as const;

/** The width of a place: 2^48 events take 8,900 years at a thousand a second. */
const PLACE_WIDTH = 8;

/** Returns a function that makes events. Throws a `UserMistake` when the schema is more than it can make data for. */
export function eventMaker(plan: Plan): MakeEvent {
  const { schema, type, key, seed, bad } = plan;
  const rankOf = drawRank(plan.keys, plan.skew);
  const keyOf = keyMaker(plan);
  const dataOf = (number: number, time: Date): Record<string, unknown> => {
    const making = { root: schema, time, name: 'data', values: plan.values, depth: 0 };
    const data = makeValue(schema, { ...making, random: randomAt(seed, number, PURPOSE.data) });
    if (!isObject(data)) throw new UserMistake('its schema is not an object, so it has no field for the key');
    data[key] = keyOf(rankOf(randomAt(seed, number, PURPOSE.rank)));
    if (plan.time !== undefined) data[plan.time] = timeFor(plan, time);
    return data;
  };
  const spoil = spoilerOf(plan);
  return (number, time) => {
    const data = dataOf(number, time);
    const drawn = randomAt(seed, number, PURPOSE.bad);
    return {
      type,
      time: time.toISOString(),
      key: String(data[key]).slice(0, LONGEST_KEY),
      dataBytes: Buffer.from(JSON.stringify(drawn() < bad ? spoil(data, drawn) : data)),
      place: encodeOrdered(number, PLACE_WIDTH),
    };
  };
}

const SAMPLES = 200;

/** Throws a `UserMistake` when data that is made for the plan does not fit its schema, or cannot be made. */
export function checkPlan(plan: Plan, what: string): void {
  const check = checkerOf(plan.schema);
  const make = eventMaker({ ...plan, bad: 0 });
  for (let number = 0; number < SAMPLES; number++) {
    const data = explained(what, () => JSON.parse(Buffer.from(make(number, SAMPLE_TIME).dataBytes).toString()));
    const wrong = check(data);
    if (wrong !== undefined)
      throw new UserMistake(
        `${what} cannot make data that fits its schema: ${wrong}: list values for that field, values: { field: […] }`,
      );
  }
}

const SAMPLE_TIME = new Date('2026-01-01T00:00:00.000Z');

function explained<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof UserMistake) throw new UserMistake(`${what} cannot make data: ${error.message}`);
    throw error;
  }
}

/** Returns a function that makes the key of a rank: always the same, and readable where the schema allows it. */
function keyMaker({ schema, key, seed, values }: Plan): (rank: number) => unknown {
  const listed = values[key];
  if (listed !== undefined) return (rank) => listed[rank % listed.length];
  const field = withoutNull(schema.properties?.[key] ?? {});
  if (typeof field === 'object' && field.enum !== undefined) {
    const all = field.enum;
    return (rank) => all[rank % all.length];
  }
  const defs = schema.$defs === undefined ? {} : { $defs: schema.$defs };
  const check = checkerOf(typeof field === 'object' ? { ...field, ...defs } : {});
  return (rank) => {
    for (const readable of [`${key}-${rank + 1}`, rank + 1]) if (check(readable) === undefined) return readable;
    const random = randomAt(seed, rank, PURPOSE.key);
    return makeValue(field, { root: schema, random, time: SAMPLE_TIME, name: key, values, depth: 1 });
  };
}

function withoutNull(field: WireSchema | boolean): WireSchema | boolean {
  const alternatives = typeof field === 'object' ? alternativesOf(field) : undefined;
  const others = alternatives?.filter((one) => typeof one !== 'object' || one.type !== 'null');
  return others?.length === 1 ? (others[0] as WireSchema) : field;
}

function timeFor({ schema, time: name }: Plan, time: Date): string {
  const field = withoutNull(schema.properties?.[name ?? ''] ?? {});
  const isDate = typeof field === 'object' && field.format === 'date';
  return isDate ? time.toISOString().slice(0, 10) : time.toISOString();
}

/** Returns a function that makes data that does not fit, of data that fits: a field is missing, or of another type. */
function spoilerOf({ schema, key }: Plan): (data: Record<string, unknown>, random: () => number) => unknown {
  const check = checkerOf(schema);
  const { required = [] } = schema;
  return (data, random) => {
    const names = Object.keys(data).filter((name) => name !== key);
    const first = names.length === 0 ? key : oneOf(random, names);
    const isMissing = random() < 0.5;
    for (const name of [first, ...required, ...names]) {
      const { [name]: _, ...rest } = data;
      const spoiled =
        isMissing && required.includes(name) ? rest : { ...data, [name]: { not: 'what the schema says' } };
      if (check(spoiled) !== undefined) return spoiled;
    }
    return 'not what the schema says';
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
