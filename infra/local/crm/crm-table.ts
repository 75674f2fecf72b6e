import type pg from 'pg';
import { ordersFile, rowsOf } from '../demo/data.ts';

/** The table that stands for the database of another program, a CRM. */
export const CRM_TABLE = 'crm.customers';

/** A customer when the table is made. */
export interface CrmCustomer {
  readonly customer_id: string;
  readonly name: string;
  readonly segment: string;
  readonly city: string;
  readonly credit: number;
}

/** Makes the customers of the order lines, as their latest line has them. */
export async function crmCustomers(): Promise<readonly CrmCustomer[]> {
  const lines = await rowsOf(ordersFile());
  const latest = new Map(
    lines
      .toSorted((a, b) => `${a['Order Date']}`.localeCompare(`${b['Order Date']}`))
      .map((line) => [line['Customer ID'] as string, line]),
  );
  return [...latest].map(([customer_id, line]) => ({
    customer_id,
    name: line['Customer Name'] as string,
    segment: line.Segment as string,
    city: line.City as string,
    credit: 100,
  }));
}

/** Makes the table in a schema of its own, and fills it. */
export async function createCrm(client: pg.Client, customers: readonly CrmCustomer[]): Promise<void> {
  await client.query(`
    CREATE SCHEMA crm;
    CREATE TABLE ${CRM_TABLE} (
      customer_id text PRIMARY KEY,
      name text NOT NULL,
      segment text NOT NULL,
      city text NOT NULL,
      credit numeric(10, 2) NOT NULL,
      changed timestamptz NOT NULL DEFAULT now()
    )`);
  await client.query(
    `INSERT INTO ${CRM_TABLE} (customer_id, name, segment, city, credit)
     SELECT customer_id, name, segment, city, credit FROM json_populate_recordset(NULL::${CRM_TABLE}, $1)`,
    [JSON.stringify(customers)],
  );
}
