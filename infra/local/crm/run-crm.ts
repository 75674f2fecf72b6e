import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import type { StepPlan } from '../../pipelines/plan.ts';
import type { LocalStage } from '../stage.ts';
import { CRM_TABLE, createCrm, crmCustomers } from './crm-table.ts';
import { crmUsers } from './crm-users.ts';

const CHANGE_EVERY_MILLIS = 1_000;

const Follows = z.object({ tables: z.union([z.array(z.string()), z.record(z.string(), z.string())]) });

/** True for a source that follows the CRM's table. */
export function followsCrm(step: StepPlan): boolean {
  if (step.kind !== 'source' || step.connector !== 'postgres-changes') return false;
  const { data } = Follows.safeParse(step.options);
  return Object.values(data?.tables ?? {}).includes(CRM_TABLE);
}

/** Connects to the stage's database. */
export async function connectedTo({ resources }: Pick<LocalStage, 'resources'>): Promise<pg.Client> {
  const { name, ...server } = resources.database;
  const client = new pg.Client({ ...server, database: name });
  // A connection that breaks between two statements fails the next one.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Makes the CRM's table in the stage's database. Returns what changes it each second, until the signal aborts. */
export async function startCrm(stage: LocalStage): Promise<(signal: AbortSignal) => Promise<never>> {
  const customers = await crmCustomers();
  const client = await connectedTo(stage);
  await createCrm(client, customers).finally(() => client.end());
  const users = crmUsers(customers);
  return async (signal) => {
    for (;;) {
      await delay(CHANGE_EVERY_MILLIS, undefined, { signal });
      // The server may have ended: it is started again, and the users try once more.
      await useOnce(stage, (connected) => users.next(connected)).catch(() => undefined);
    }
  };
}

async function useOnce(stage: LocalStage, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = await connectedTo(stage);
  await work(client).finally(() => client.end());
}
