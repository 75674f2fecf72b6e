import { createHash } from 'node:crypto';
import type pg from 'pg';
import { CRM_TABLE, type CrmCustomer } from './crm-table.ts';

/** What the users of the CRM do to its table: the same in each run. */
export interface CrmUsers {
  /** Does the next thing, in one transaction. Resolves to how many rows it has inserted, updated and deleted. */
  next(client: pg.Client): Promise<number>;
}

/** How often each thing happens in ten turns. */
const TURNS = ['move', 'move', 'move', 'move', 'move', 'sign-up', 'campaign', 'mistake', 'sign-up', 'leave'] as const;

/**
 * Returns users that move customers, sign some up, raise the credit of several at once, take one thing back, and delete
 * customers whom they signed up. Customers with orders stay, and keep name and segment.
 */
export function crmUsers(customers: readonly CrmCustomer[]): CrmUsers {
  const cities = [...new Set(customers.map(({ city }) => city))];
  const signedUp: string[] = [];
  let turn = 0;

  const move = (client: pg.Client): Promise<number> =>
    changed(
      client,
      `UPDATE ${CRM_TABLE} SET city = $2, changed = now() WHERE customer_id = $1`,
      pick('who', turn, customers).customer_id,
      pick('where', turn, cities),
    );

  const signUp = (client: pg.Client): Promise<number> => {
    const id = `NEW-${turn}`;
    signedUp.push(id);
    return changed(
      client,
      `INSERT INTO ${CRM_TABLE} VALUES ($1, $2, 'Consumer', $3, 0)`,
      id,
      `${pick('first', turn, customers).name.split(' ')[0]} ${pick('last', turn, customers).name.split(' ').at(-1)}`,
      pick('where', turn, cities),
    );
  };

  const act = (what: (typeof TURNS)[number], client: pg.Client): Promise<number> => {
    switch (what) {
      case 'move':
      case 'mistake':
        return move(client);
      case 'sign-up':
        return signUp(client);
      case 'campaign':
        return changed(
          client,
          `UPDATE ${CRM_TABLE} SET credit = credit + 0.25, changed = now() WHERE city = $1`,
          pick('where', turn, cities),
        );
      case 'leave':
        return changed(client, `DELETE FROM ${CRM_TABLE} WHERE customer_id = $1`, signedUp.shift() ?? '');
    }
  };

  return {
    async next(client) {
      const what = TURNS[turn % TURNS.length] as (typeof TURNS)[number];
      await client.query('BEGIN');
      const rows = await act(what, client);
      await client.query(what === 'mistake' ? 'ROLLBACK' : 'COMMIT');
      turn++;
      return what === 'mistake' ? 0 : rows;
    },
  };
}

async function changed(client: pg.Client, statement: string, ...values: readonly string[]): Promise<number> {
  const { rowCount } = await client.query(statement, [...values]);
  return rowCount ?? 0;
}

/** Returns always the same of a list for the same question. */
function pick<T>(question: string, turn: number, list: readonly T[]): T {
  const number = createHash('sha256').update(`${question} ${turn}`).digest().readUInt32BE();
  return list[number % list.length] as T;
}
