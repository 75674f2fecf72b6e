import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { textTable } from '../../text-table.ts';
import { CRM_TABLE, type CrmCustomer, createCrm, crmCustomers } from '../crm/crm-table.ts';
import { crmUsers } from '../crm/crm-users.ts';
import { followsCrm } from '../crm/run-crm.ts';
import type { Local } from '../start.ts';
import { type Check, repeats, sameRows } from './checks.ts';
import { ordersFile, rowsOf } from './data.ts';
import { eventsBelow } from './lake.ts';
import type { LakeStage } from './reconcile.ts';

/** What happens to the CRM's table while the demo runs. */
const TURNS = 300;
const LOOK_EVERY_MILLIS = 100;

/** The CRM's table and its users. */
export interface Crm {
  readonly customers: readonly CrmCustomer[];
  /** How many rows the table had at first, and how many its users have changed by now. */
  readonly changes: number;
  /** Waits until the stream has the rows that the table has at first. */
  rowsRead(signal: AbortSignal): Promise<void>;
  /** Lets the users change the table, and waits until the stream has what they did. */
  change(signal: AbortSignal): Promise<void>;
}

export async function openCrm(local: Local, database: pg.Client): Promise<Crm> {
  if (!local.runner.steps.some(followsCrm))
    throw new Error(`no source follows ${CRM_TABLE}: the demo runs the example pipelines`);
  const customers = await crmCustomers();
  await createCrm(database, customers);
  const users = crmUsers(customers);
  let changes = customers.length;
  const untilRead = async (signal: AbortSignal): Promise<void> => {
    while (local.counts.of('customers/crm').eventsOut < changes) await delay(LOOK_EVERY_MILLIS, undefined, { signal });
  };
  return {
    customers,
    get changes() {
      return changes;
    },
    rowsRead: untilRead,
    async change(signal) {
      for (let turn = 0; turn < TURNS; turn++) changes += await users.next(database);
      await untilRead(signal);
    },
  };
}

const COLUMNS = 'customer_id, name, segment, city, credit, changed';

/** Compares the mirror with the table in every column, the archive with what happened, and each order's customer. */
export async function reconcileCustomers(stage: LakeStage, database: pg.Client, crm: Crm): Promise<readonly Check[]> {
  const rowsIn = async (table: string): Promise<string[]> => {
    const { rows } = await database.query<{ entry: string }>(`SELECT (${COLUMNS})::text AS entry FROM ${table}`);
    return rows.map(({ entry }) => entry);
  };
  const { clients, names } = stage;
  const archive = await eventsBelow(clients.s3, names.lake, 'customers/');
  const named = await eventsBelow(clients.s3, names.lake, 'orders_with_customers/');
  return [
    ...sameRows('customers in the mirror of the table', await rowsIn('crm.customers'), await rowsIn('customers')),
    { what: 'changes of customers in the archive', expected: crm.changes, found: archive.length },
    { what: 'duplicate changes in the archive', expected: 0, found: repeats(archive) },
    ...sameRows(
      'completed orders joined with their customers',
      await namedOrdersOf(crm),
      named.map(({ data }) => `${data.order_id} ${data.sales} ${data.name} ${data.segment}`),
    ),
  ];
}

async function namedOrdersOf({ customers }: Crm): Promise<string[]> {
  const byId = new Map(customers.map((customer) => [customer.customer_id, customer]));
  return (await rowsOf(ordersFile())).map((line) => {
    const customer = byId.get(line['Customer ID'] as string);
    return `${line['Order ID']} ${Number(line.Sales)} ${customer?.name} ${customer?.segment}`;
  });
}

/** Formats what happened to the customers. */
export async function customersReport({ clients, names }: LakeStage): Promise<string> {
  const archive = await eventsBelow(clients.s3, names.lake, 'customers/');
  const counted = Map.groupBy(archive, ({ type }) => type);
  return `${textTable(
    ['the CRM’s table, by its log', 'events'],
    [...counted].map(([type, events]) => [type, events.length]),
  )}\n`;
}
