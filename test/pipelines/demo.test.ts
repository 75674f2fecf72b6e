import { describe, expect, test } from 'vitest';
import { runDemo } from '../../infra/local/demo/run.ts';
import { pipelines } from '../../infra/pipelines/all.ts';
import { type Resolved, resolveAll } from '../lineage/resolve.ts';

describe('the demo', () => {
  test('writes every event of the input files into the lake and the tables once, and rows and objects say why they are there', async () => {
    const printed: string[] = [];
    let resolved: readonly Resolved[] = [];
    const agrees = await runDemo(
      pipelines,
      {
        print: (text) => printed.push(text),
        async afterwards(local) {
          resolved = await resolveAll(local, pipelines, 1);
        },
      },
      new AbortController().signal,
    );
    const text = printed.join('\n');
    expect(agrees, text).toBe(true);
    expect(text).toMatch(/orders\/order-events +continuous +9,994 +19,988 +0 +0 records/);
    expect(text).toMatch(/orders\/completed_orders +continuous +9,994 +9,994 +0 +0 records/);
    expect(text).toMatch(/sensors\/cleaning +continuous +2,927 +2,922 +2 +0 records/);
    expect(text).toMatch(/shop\/basket +continuous +639 +\d+ +0 +0 records/);
    expect(text).toMatch(/items in the copy made of the changes +400 +400 +agrees/);
    expect(text).toMatch(/shop\/region_quarters +continuous +462 +\d+ +0 +0 records/);
    expect(text).toMatch(/sales by region and quarter of an hour +(\d+) +\1 +agrees/);
    expect(text).toMatch(/sales joined with their customers +462 +462 +agrees/);
    expect(text).toMatch(/alerts: bad ratings by the best customers +\d+ +\d+ +agrees/);
    expect(text).toMatch(/customers\/crm +pulled +([\d,]+) +\1 +0 +–/);
    expect(text).toMatch(/customers in the mirror of the table +([\d,]+) +\1 +agrees/);
    expect(text).toMatch(/changes of customers in the archive +([\d,]+) +\1 +agrees/);
    expect(text).toMatch(/completed orders joined with their customers +9,994 +9,994 +agrees/);
    expect(text).toMatch(/West +1,611 +725,457\.82/);
    expect(text).not.toContain('DIFFERS');
    expect(resolved.flatMap(({ step, faults }) => faults.map((fault) => `${step} ${fault}`))).toEqual([]);
    // Of every sink and table; `npm run test:lineage` asks for all of their rows and objects.
    expect(resolved.map(({ step, asked }) => `${step} ${asked}`).sort()).toEqual([
      'customers/archive 1',
      'customers/mirror 1',
      'customers/name-orders 1',
      'customers/named_orders 1',
      'orders/completed_orders 1',
      'orders/lake 1',
      'sensors/archive 1',
      'sensors/lake 1',
      'sensors/readings 1',
      'shop/alert 1',
      'shop/basket 1',
      'shop/basket_copy 1',
      'shop/calls 1',
      'shop/name-sales 1',
      'shop/named_sales 1',
      'shop/region_quarters 1',
    ]);
  });
});
