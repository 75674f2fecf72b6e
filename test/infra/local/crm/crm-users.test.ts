import type pg from 'pg';
import { expect, test } from 'vitest';
import { crmCustomers } from '../../../../infra/local/crm/crm-table.ts';
import { crmUsers } from '../../../../infra/local/crm/crm-users.ts';

const customers = await crmCustomers();

/** Lists what the users send in so many turns. */
async function sentIn(turns: number): Promise<readonly string[]> {
  const sent: string[] = [];
  const query = async (text: string, values: readonly string[] = []) => {
    sent.push(`${text} ${values.join(', ')}`);
    return { rowCount: 1 };
  };
  const users = crmUsers(customers);
  for (let turn = 0; turn < turns; turn++) await users.next({ query } as unknown as pg.Client);
  return sent;
}

test('the CRM has every customer of the order lines', () => {
  expect(customers).toHaveLength(793);
  expect(new Set(customers.map(({ customer_id }) => customer_id)).size).toBe(793);
});

test('the users of the CRM do the same in each run: they insert, update, delete and take back', async () => {
  const sent = await sentIn(40);
  expect(await sentIn(40)).toEqual(sent);
  for (const start of ['INSERT', 'UPDATE', 'DELETE', 'COMMIT', 'ROLLBACK'])
    expect(
      sent.some((statement) => statement.startsWith(start)),
      start,
    ).toBe(true);
});

test('customers with orders stay, and keep their name and segment', async () => {
  for (const statement of await sentIn(200)) {
    if (statement.startsWith('DELETE')) expect(statement).toMatch(/ NEW-\d+$/);
    if (statement.startsWith('UPDATE')) expect(statement).not.toMatch(/SET.*(name|segment) =/);
  }
});
