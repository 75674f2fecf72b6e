import type { AttributeValue } from '@aws-sdk/client-dynamodb';

export type Item = Readonly<Record<string, AttributeValue>>;

/** The names and values that the placeholders of an expression stand for. */
export interface Placeholders {
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue> | undefined;
}

/** Evaluates a condition: comparisons and `attribute_not_exists`, joined by OR. Checkpoints use no others. */
export function conditionHolds(condition: string, item: Item, placeholders: Placeholders): boolean {
  return condition.split(' OR ').some((part) => {
    const missing = /^attribute_not_exists\((\S+)\)$/.exec(part)?.[1];
    if (missing !== undefined) return item[nameOf(missing, placeholders)] === undefined;
    const [, name, operator, value] = /^(#?\w+) (=|<=|<) (:\w+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined)
      throw new Error(`the kit's DynamoDB does not know the condition '${part}'`);
    const stored = item[nameOf(name, placeholders)];
    return stored !== undefined && compares(stored, operator as '=' | '<=' | '<', valueFor(value, placeholders));
  });
}

/** Applies an update: `SET a = :a, b = :b` or `REMOVE a, b`. */
export function updated(expression: string, item: Item, placeholders: Placeholders): Item {
  const [, verb, rest = ''] = /^(SET|REMOVE) (.+)$/.exec(expression) ?? [];
  const next = { ...item };
  for (const part of rest.split(', ')) {
    const [, name, value] = (verb === 'SET' ? /^(#?\w+) = (:\w+)$/ : /^(#?\w+)$/).exec(part) ?? [];
    if (name === undefined) throw new Error(`the kit's DynamoDB does not know the update '${expression}'`);
    if (value === undefined) delete next[nameOf(name, placeholders)];
    else next[nameOf(name, placeholders)] = valueFor(value, placeholders);
  }
  return next;
}

/** Compares two values. Values of different types are neither equal nor ordered. */
function compares(stored: AttributeValue, operator: '=' | '<=' | '<', value: AttributeValue): boolean {
  if (stored.N !== undefined && value.N !== undefined) {
    const [one, other] = [BigInt(stored.N), BigInt(value.N)];
    return operator === '=' ? one === other : operator === '<' ? one < other : one <= other;
  }
  if (stored.S === undefined || value.S === undefined) return false;
  const order = Buffer.compare(Buffer.from(stored.S), Buffer.from(value.S));
  return operator === '=' ? order === 0 : operator === '<' ? order < 0 : order <= 0;
}

function nameOf(written: string, { ExpressionAttributeNames: names = {} }: Placeholders): string {
  if (!written.startsWith('#')) return written;
  const name = names[written];
  if (name === undefined) throw new Error(`ExpressionAttributeNames has no ${written}`);
  return name;
}

function valueFor(written: string, { ExpressionAttributeValues: values = {} }: Placeholders): AttributeValue {
  const value = values[written];
  if (value === undefined) throw new Error(`ExpressionAttributeValues has no ${written}`);
  return value;
}
