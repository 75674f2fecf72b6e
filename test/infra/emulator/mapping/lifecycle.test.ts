import { expect, test } from 'vitest';
import { awsError, returns, streamArn, throws, world } from './world.ts';

test('a mapping is Creating, then Enabled, and has processed nothing yet', async () => {
  const { clock, start } = await world();
  const mapping = start({});
  expect(mapping.state()).toMatchObject({
    State: 'Creating',
    StateTransitionReason: 'User action',
    LastProcessingResult: 'No records processed',
  });
  await clock.runUntil(mapping.settled());
  expect(mapping.state()).toMatchObject({ State: 'Enabled', LastProcessingResult: 'No records processed' });
});

test('a mapping of a stream that does not exist is refused with Stream not found, and nothing goes on', async () => {
  const { clock, did, start } = await world();
  const EventSourceArn = streamArn.replace('readings', 'raedings');
  const mapping = start({ EventSourceArn });
  const error = { name: 'InvalidParameterValueException', message: `Stream not found: ${EventSourceArn}` };
  await Promise.all([
    expect(clock.runUntil(mapping.settled())).rejects.toMatchObject(error),
    expect(mapping.caughtUp()).rejects.toMatchObject(error),
  ]);
  expect(() => mapping.state()).toThrow(error.message);
  await expect(mapping.caughtUp()).rejects.toMatchObject(error);
  await expect(mapping.delete()).rejects.toMatchObject(error);
  await clock.advance(60_000);
  expect(did('poll-failed')).toEqual([]);
});

test('a mapping waits for a stream that exists and cannot be listed yet', async () => {
  const { batches, clock, put, setFault, start } = await world();
  await put(['a']);
  setFault(() => awsError('ResourceInUseException'));
  const mapping = start({});
  await clock.advance(5_000);
  setFault(() => undefined);
  await clock.runUntil(mapping.caughtUp());
  expect(batches()).toEqual(['a']);
});

test('the same function and stream are mapped once: a second mapping is a ResourceConflictException', async () => {
  const { clock, start } = await world();
  const first = start({});
  const { UUID } = first.state();
  const refused = () => start({ FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:load-readings' });
  expect(refused).toThrow(
    expect.objectContaining({ name: 'ResourceConflictException', message: expect.stringContaining(UUID) }),
  );
  const other = start({ FunctionName: 'load-readings:live' });
  await clock.runUntil(Promise.all([first.settled(), other.settled()]));
  await expect(other.update({ FunctionName: 'load-readings' })).rejects.toMatchObject({
    name: 'ResourceConflictException',
  });
  expect(other.state()).toMatchObject({ State: 'Enabled', FunctionArn: expect.stringMatching(/:live$/) });
  await clock.runUntil(first.delete());
  await clock.runUntil(other.update({ FunctionName: 'load-readings' }));
  expect(other.state().FunctionArn).toMatch(/:load-readings$/);
});

test('the state of a mapping has its ARN', async () => {
  const { start } = await world();
  const { UUID, EventSourceMappingArn } = start({}).state();
  expect(EventSourceMappingArn).toBe(`arn:aws:lambda:us-east-1:000000000000:event-source-mapping:${UUID}`);
});

test('a mapping made with Enabled false is Disabled, and reads nothing until it is enabled', async () => {
  const { batches, clock, did, put, start } = await world();
  await put(['a']);
  const mapping = start({ Enabled: false });
  await clock.advance(10_000);
  expect(mapping.state().State).toBe('Disabled');
  expect(did('poll')).toEqual([]);
  await clock.runUntil(mapping.enable());
  await clock.runUntil(mapping.caughtUp());
  expect(batches()).toEqual(['a']);
});

test('LastProcessingResult shows the result of the last invocation', async () => {
  const { clock, put, start } = await world();
  await put(['a']);
  let isDown = true;
  const mapping = start({}, () => (isDown ? throws() : returns()));
  await clock.advance(5_000);
  expect(mapping.state().LastProcessingResult).toBe('PROBLEM: Function call failed');
  isDown = false;
  await clock.runUntil(mapping.caughtUp());
  expect(mapping.state().LastProcessingResult).toBe('OK');
});

test('disabling keeps the position, after the invocation under way has ended', async () => {
  const { batches, clock, did, put, start } = await world();
  await put([...'abcd']);
  const mapping = start({ BatchSize: 2 }, async () => {
    await clock.sleep(5_000);
    return returns();
  });
  await clock.advance(1_000);
  await clock.runUntil(mapping.disable());
  expect(batches()).toEqual(['ab']);
  await clock.advance(60_000);
  expect(batches()).toEqual(['ab']);
  await clock.runUntil(mapping.enable());
  await clock.runUntil(mapping.caughtUp());
  expect(batches()).toEqual(['ab', 'cd']);
  expect(did('state').map(({ state }) => state)).toEqual([
    ...['Creating', 'Enabled', 'Disabling', 'Disabled', 'Enabling', 'Enabled'],
  ]);
});

test('disabling ends a back-off, and the batch is delivered again when the mapping is enabled', async () => {
  const { batches, clock, put, start } = await world();
  await put(['a']);
  let isDown = true;
  const mapping = start({}, () => (isDown ? throws() : returns()));
  await clock.advance(100_000);
  const stoppedMillis = clock.now();
  await clock.runUntil(mapping.disable());
  expect(clock.now() - stoppedMillis).toBeLessThan(1_000);
  isDown = false;
  const tries = batches().length;
  await clock.runUntil(mapping.enable());
  await clock.runUntil(mapping.caughtUp());
  expect(batches()).toHaveLength(tries + 1);
});

test('an update is in effect from the next batch on', async () => {
  const { batches, clock, did, put, start } = await world();
  await put([...'abcdef']);
  const mapping = start({ BatchSize: 1 }, async () => {
    await clock.sleep(1_000);
    return returns();
  });
  await clock.advance(1_500);
  await clock.runUntil(mapping.update({ BatchSize: 3 }));
  await clock.runUntil(mapping.caughtUp());
  expect(batches()).toEqual(['a', 'b', 'cde', 'f']);
  expect(mapping.state().BatchSize).toBe(3);
  expect(did('state').map(({ state }) => state)).toEqual(['Creating', 'Enabled', 'Updating', 'Enabled']);
});

test('an update of a disabled mapping leaves it disabled', async () => {
  const { clock, start } = await world();
  const mapping = start({ Enabled: false });
  await clock.runUntil(mapping.update({ BatchSize: 3 }));
  expect(mapping.state()).toMatchObject({ State: 'Disabled', BatchSize: 3 });
});

test('an update that AWS refuses changes nothing', async () => {
  const { clock, start } = await world();
  const mapping = start({});
  await clock.runUntil(mapping.settled());
  await expect(mapping.update({ BatchSize: 0 })).rejects.toMatchObject({ name: 'ValidationException' });
  expect(mapping.state()).toMatchObject({ State: 'Enabled', BatchSize: 100 });
});

test('a change while another is under way throws ResourceInUseException', async () => {
  const { clock, put, start } = await world();
  const mapping = start({}, async () => {
    await clock.sleep(5_000);
    return returns();
  });
  await expect(mapping.update({ BatchSize: 1 })).rejects.toMatchObject({ name: 'ResourceInUseException' });
  await put(['a']);
  await clock.advance(2_000);
  const disabled = mapping.disable();
  expect(mapping.state().State).toBe('Disabling');
  await expect(mapping.delete()).rejects.toMatchObject({
    name: 'ResourceInUseException',
    message: 'Cannot delete the event source mapping because it is in use: its State is Disabling',
  });
  await clock.runUntil(disabled);
});

test('deleting waits for the invocation under way, then nothing runs and every call throws', async () => {
  const { batches, clock, put, start } = await world();
  await put([...'ab']);
  let ended = 0;
  const mapping = start({ BatchSize: 1 }, async () => {
    await clock.sleep(5_000);
    ended++;
    return returns();
  });
  await clock.advance(1_000);
  const waiting = mapping.caughtUp();
  const refused = expect(waiting).rejects.toThrow('was deleted before it had caught up');
  const deleted = mapping.delete();
  expect(mapping.state().State).toBe('Deleting');
  await clock.runUntil(deleted);
  await refused;
  await clock.advance(60_000);
  expect([batches(), ended]).toEqual([['a'], 1]);
  await expect(mapping.update({ BatchSize: 1 })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('caughtUp waits for all records written before the call, retries included', async () => {
  const { batches, clock, put, start } = await world({ shards: 2 });
  await put(['a']);
  await put(['b'], String(2n ** 127n));
  const mapping = start({}, (_, number) => (number < 5 ? throws() : returns()));
  await clock.runUntil(mapping.caughtUp());
  expect(new Set(batches())).toEqual(new Set(['a', 'b']));
  await put(['c']);
  await clock.runUntil(mapping.caughtUp());
  expect(batches().at(-1)).toBe('c');
});

test('state shows the progress in each shard', async () => {
  const { clock, put, start } = await world();
  const mapping = start({});
  const [first] = await put(['a']);
  await clock.runUntil(mapping.caughtUp());
  expect(mapping.state().shards).toEqual([
    { shardId: 'shardId-000000000000', progress: 'reading', checkpoint: first, behindMillis: 0 },
  ]);
});

test('a defect is not retried: it stops the mapping and rejects caughtUp', async () => {
  const { clock, put, setFault, start } = await world();
  await put(['a']);
  setFault(() => new TypeError('a defect'));
  const mapping = start({});
  await expect(clock.runUntil(mapping.caughtUp())).rejects.toThrow('a defect');
  expect(mapping.state()).toMatchObject({ State: 'Disabled', StateTransitionReason: 'PROBLEM: TypeError: a defect' });
});

test('the same seed and calls give the same trace, byte for byte, and another seed gives another', async () => {
  const traceOf = async (seed: number) => {
    const { clock, lines, put, start } = await world({ seed });
    await put([...'abcdefgh']);
    const mapping = start({ BatchSize: 4, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 2 }, ({ data }) =>
      data.includes('c') ? throws() : returns(),
    );
    await clock.runUntil(mapping.caughtUp());
    return lines.join('\n');
  };
  expect(await traceOf(7)).toBe(await traceOf(7));
  expect(await traceOf(7)).not.toBe(await traceOf(8));
});

test('10,000 batches take a few seconds on the virtual clock', async () => {
  const { batches, clock, put, start } = await world({ limits: 'off' });
  for (let call = 0; call < 20; call++) await put(Array(500).fill('x'));
  await clock.runUntil(start({ BatchSize: 1 }).caughtUp());
  expect(batches()).toHaveLength(10_000);
});
