import { describe, expect, test } from 'vitest';
import { awsError, isGetRecords, returns, throws, world } from './world.ts';

const upperHalf = String(2n ** 127n);

describe('a starting position of', () => {
  test('TRIM_HORIZON begins with the oldest record of the stream', async () => {
    const { batches, clock, put, start } = await world();
    await put(['a']);
    await clock.advance(25 * 3_600_000);
    await put(['b']);
    await clock.runUntil(start({ StartingPosition: 'TRIM_HORIZON' }).caughtUp());
    expect(batches()).toEqual(['b']);
  });

  test('LATEST delivers every record written after the mapping is enabled', async () => {
    const { batches, clock, put, start } = await world();
    await put(['a']);
    const mapping = start({ StartingPosition: 'LATEST' });
    await clock.runUntil(mapping.settled());
    await put(['b']);
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['b']);
  });

  test('LATEST is kept while the mapping is disabled before its first record', async () => {
    const { batches, clock, put, start } = await world();
    await put(['a']);
    await clock.advance(1_000);
    const mapping = start({ StartingPosition: 'LATEST' });
    await clock.runUntil(mapping.settled());
    await clock.runUntil(mapping.disable());
    await clock.advance(600_000);
    await put(['b']);
    await clock.runUntil(mapping.enable());
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['b']);
  });

  test('AT_TIMESTAMP begins with the first record that arrived then or later', async () => {
    const { batches, clock, put, start } = await world();
    await put(['a']);
    await clock.advance(10_000);
    const StartingPositionTimestamp = new Date(clock.now());
    await put(['b']);
    await clock.advance(10_000);
    await put(['c']);
    await clock.runUntil(start({ StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp }).caughtUp());
    expect(batches()).toEqual(['bc']);
  });

  test('LATEST skips closed shards', async () => {
    const { batches, clock, put, split, start } = await world();
    await put(['a']);
    await split('shardId-000000000000', upperHalf);
    await put(['b']);
    const mapping = start({ StartingPosition: 'LATEST' });
    await clock.runUntil(mapping.settled());
    await put(['c']);
    await put(['d'], upperHalf);
    await clock.runUntil(mapping.caughtUp());
    expect(batches().sort()).toEqual(['c', 'd']);
  });
});

describe('polling', () => {
  test('reads an idle shard once a second', async () => {
    const { clock, did, start } = await world();
    start({});
    await clock.advance(60_000);
    const polls = did('poll').map(({ at }) => at);
    expect(polls.length).toBe(61);
  });

  test('reads a shard at most 5 times a second, so that Kinesis never throttles', async () => {
    const { clock, did, put, start } = await world();
    start({ BatchSize: 1 });
    for (let second = 0; second < 20; second++) {
      await put(Array(100).fill('x'));
      await clock.advance(1_000);
    }
    const polls = did('poll').map(({ at }) => at);
    expect(polls.length).toBeGreaterThan(20);
    expect(polls.every((at, place) => at - (polls[place - 5] ?? 0) >= 1_000)).toBe(true);
    expect(did('poll-failed')).toEqual([]);
  });

  test('follows another pace', async () => {
    const { clock, did, start } = await world({ limits: 'off' });
    start({}, () => returns(), { pollMillis: 20, leastPollMillis: 5 });
    await clock.advance(1_000);
    expect(did('poll')).toHaveLength(51);
  });

  test.each(['ProvisionedThroughputExceededException', 'LimitExceededException', 'InternalFailureException'])(
    'retries after %s with a back-off and loses nothing',
    async (name) => {
      const { batches, clock, did, put, setFault, start } = await world();
      await put([...'ab']);
      let faults = 0;
      setFault((command) => (isGetRecords(command) && ++faults <= 4 ? awsError(name) : undefined));
      await clock.runUntil(start({}).caughtUp());
      expect(batches()).toEqual(['ab']);
      expect(did('poll-failed').map(({ error }) => error)).toEqual(Array(4).fill(name));
      expect(did('poll-failed').every(({ afterMillis }) => afterMillis >= 500)).toBe(true);
    },
  );

  test('retries any call after a broken connection', async () => {
    const { batches, clock, put, setFault, start } = await world();
    await put([...'ab']);
    let calls = 0;
    const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    setFault(() => (++calls % 2 === 1 ? reset : undefined));
    await clock.runUntil(start({}).caughtUp());
    expect(batches()).toEqual(['ab']);
  });

  test('replaces an iterator that expired while its shard waited, and continues after the last record read', async () => {
    const { batches, clock, did, put, start } = await world();
    await put(['a']);
    const mapping = start({ BatchSize: 1 }, async ({ data }) => {
      if (data[0] === 'a') await clock.sleep(900_000);
      return returns();
    });
    await clock.advance(2_000);
    await put(['b']);
    await clock.runUntil(mapping.caughtUp());
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['a', 'b']);
    expect(did('poll-failed').map(({ error }) => error)).toEqual(['ExpiredIteratorException']);
  });

  test('loses no record when an iterator of LATEST expires before its first record', async () => {
    const { batches, clock, put, setFault, start } = await world();
    await put(['a']);
    await clock.advance(1_000);
    let isAway = true;
    setFault((command) => (isAway && isGetRecords(command) ? awsError('ServiceUnavailableException') : undefined));
    const mapping = start({ StartingPosition: 'LATEST' });
    await clock.runUntil(mapping.settled());
    await put(['b']);
    await clock.advance(600_000);
    isAway = false;
    await clock.runUntil(mapping.caughtUp());
    expect(batches()).toEqual(['b']);
  });
});

describe('after a reshard', () => {
  test('reads the children from their start once the parent is drained', async () => {
    const { clock, deliveries, put, split, start } = await world();
    const mapping = start({ BatchSize: 1, StartingPosition: 'LATEST' }, async ({ data }, number) => {
      await clock.sleep(300);
      return data[0] === 'b' && number < 6 ? throws() : returns();
    });
    await clock.runUntil(mapping.settled());
    await put([...'abc']);
    await split('shardId-000000000000', upperHalf);
    await put(['d']);
    await put(['e'], upperHalf);
    await clock.runUntil(mapping.caughtUp());
    const data = deliveries.map(({ data: [text] }) => text);
    expect(data.slice(0, -2).join('')).toMatch(/^ab+c$/);
    expect(data.slice(-2).sort()).toEqual(['d', 'e']);
    expect(mapping.state().shards.map(({ shardId, progress }) => [shardId.at(-1), progress])).toEqual([
      ['0', 'drained'],
      ['1', 'reading'],
      ['2', 'reading'],
    ]);
  });

  test('a child of two parents waits for both', async () => {
    const { clock, deliveries, merge, put, start } = await world({ shards: 2 });
    await put(['a']);
    await put(['x'], upperHalf);
    await merge('shardId-000000000000', 'shardId-000000000001');
    await put(['m']);
    let isHeld = true;
    const mapping = start({}, ({ data }) => (isHeld && data.includes('x') ? throws() : returns()));
    await clock.advance(30_000);
    expect(mapping.state().shards.map(({ progress }) => progress)).toEqual(['drained', 'reading', 'waiting']);
    isHeld = false;
    await clock.runUntil(mapping.caughtUp());
    expect(deliveries.at(-1)?.data).toEqual(['m']);
  });

  test('every generation of shards is read in order', async () => {
    const { clock, deliveries, merge, put, split, start } = await world();
    await put(['a']);
    await split('shardId-000000000000', upperHalf);
    await put(['b']);
    await merge('shardId-000000000001', 'shardId-000000000002');
    await put(['c']);
    await split('shardId-000000000003', upperHalf);
    await put(['d']);
    await clock.runUntil(start({}).caughtUp());
    expect(deliveries.map(({ data }) => data.join(''))).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a mapping that was disabled during a reshard catches up', async () => {
    const { clock, deliveries, put, split, start } = await world();
    await put(['a']);
    const mapping = start({});
    await clock.runUntil(mapping.caughtUp());
    await clock.runUntil(mapping.disable());
    await put(['b']);
    await split('shardId-000000000000', upperHalf);
    await put(['c']);
    await clock.runUntil(mapping.enable());
    await clock.runUntil(mapping.caughtUp());
    expect(deliveries.map(({ data }) => data.join(''))).toEqual(['a', 'b', 'c']);
  });

  test('a parent that expired while the mapping was disabled does not block its children', async () => {
    const { clock, deliveries, put, split, start } = await world();
    await put(['a']);
    const mapping = start({});
    await clock.runUntil(mapping.caughtUp());
    await clock.runUntil(mapping.disable());
    await split('shardId-000000000000', upperHalf);
    await clock.advance(26 * 3_600_000);
    await put(['c']);
    await clock.runUntil(mapping.enable());
    await clock.runUntil(mapping.caughtUp());
    expect(deliveries.map(({ data }) => data.join(''))).toEqual(['a', 'c']);
  });
});
