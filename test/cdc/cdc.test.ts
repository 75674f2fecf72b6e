import { expect, test } from 'vitest';
import { startPostgres } from '../kit/servers.ts';
import { play } from './play.ts';

/** A small sample: `npm run test:cdc` plays any number, and crashes the server too. */
test('changes of tables are lost, doubled or out of order by no kill, and the mirrors are equal', async () => {
  const server = await startPostgres();
  try {
    const { problems, kills, events } = await play(server, { seed: 7, kills: 20 });
    expect(problems).toEqual([]);
    expect(events).toBeGreaterThan(100);
    const begun = await play(server, { seed: 8, kills: 12, rows: 1_500 });
    expect(begun.problems).toEqual([]);
    expect(begun.events).toBeGreaterThan(1_500);
    expect(Object.values(kills).reduce((sum, count) => sum + count, 0)).toBe(20);
  } finally {
    await server.stop();
  }
});
