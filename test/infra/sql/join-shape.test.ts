import { expect, test } from 'vitest';
import { z } from 'zod';
import { planJoin } from '../../../infra/sql/compile-join.ts';
import { joinShape, keyNames } from '../../../infra/sql/plan/join-shape.ts';

const fields = { id: z.string(), since: z.iso.date(), name: z.string() };
const Customer = z.object(fields);
const Score = z.object({ id: z.string(), since: z.iso.datetime(), points: z.int32() });
const inputs = { customers: Customer, scores: Score };

const SELECT = 'SELECT c.id, c.since, c.name, s.points FROM customers c JOIN scores s';
const BASE = `${SELECT} ON s.id = c.id AND s.since = c.since`;

const planOf = (text: string, schemas: Readonly<Record<string, z.ZodType>> = inputs) =>
  planJoin({ file: 't.sql', text }, new Map(Object.entries(schemas)));

const shapeOf = async (text: string, schemas = inputs): Promise<string> =>
  joinShape(await planOf(`CREATE TABLE t AS ${text}`, schemas));

/** Written out: both are stored in databases, so that other ones stop a join that has nothing wrong. */
test('the shape of a join, and the names of its keys, are the same for ever', async () => {
  expect(await shapeOf(BASE)).toBe(
    'join 1 of customers by 117ad8ff355f b8c6c8e502d1: c.id text, c.name text, c.since date; scores by 117ad8ff355f 19166e8d0844: s.points integer',
  );
  const byExpression = 'SELECT c.id, s.points FROM scores s JOIN customers c ON lower(c.id) = s.id AND c.name = s.id';
  expect(keyNames(await planOf(byExpression))).toEqual(['key ca8aecb69f6d', 'name']);
});

test.each([
  ['a key that may be null', BASE, { ...inputs, scores: Score.extend({ id: z.string().nullable() }) }],
  [
    'the order of a schema, and another field',
    BASE,
    { ...inputs, customers: z.object({ name: fields.name, more: z.json(), since: fields.since, id: fields.id }) },
  ],
  ['how ON is written', `${SELECT} ON c.id = s.id AND c.since = s.since`, inputs],
])('the state of a join goes on when this changes: %s', async (_, text, schemas) => {
  expect(await shapeOf(text, schemas as never)).toBe(await shapeOf(BASE));
});

test('the state of a join cannot go on when ON compares other columns', async () => {
  expect(
    await shapeOf(`${SELECT} ON s.id = c.name AND s.since = c.since`.replace('c.id,', 'c.id, c.name AS n,')),
  ).not.toBe(await shapeOf(BASE));
});
