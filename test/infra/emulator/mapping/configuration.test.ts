import { expect, test } from 'vitest';
import { parseChanges, parseRequest } from '../../../../infra/emulator/mapping/configuration.ts';
import { bucketArn, queueArn, startMillis, streamArn, topicArn } from './world.ts';

const required = { FunctionName: 'load', EventSourceArn: streamArn, StartingPosition: 'TRIM_HORIZON' };

const parse = (request: object) => parseRequest({ ...required, ...request }, startMillis).configuration;

test('the defaults are those of Lambda', () => {
  expect(parseRequest(required, startMillis)).toEqual({
    enabled: true,
    configuration: {
      FunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:load',
      EventSourceArn: streamArn,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 0,
      ParallelizationFactor: 1,
      MaximumRecordAgeInSeconds: -1,
      MaximumRetryAttempts: -1,
      BisectBatchOnFunctionError: false,
      FunctionResponseTypes: [],
      TumblingWindowInSeconds: 0,
      DestinationConfig: { OnFailure: {} },
    },
  });
});

test.each([
  { BatchSize: 1 },
  { BatchSize: 10_000 },
  { MaximumBatchingWindowInSeconds: 0 },
  { MaximumBatchingWindowInSeconds: 300 },
  { ParallelizationFactor: 1 },
  { MaximumRecordAgeInSeconds: -1 },
  { MaximumRecordAgeInSeconds: 60 },
  { MaximumRecordAgeInSeconds: 604_800 },
  { MaximumRetryAttempts: -1 },
  { MaximumRetryAttempts: 0 },
  { MaximumRetryAttempts: 10_000 },
  { BisectBatchOnFunctionError: true },
  { FunctionResponseTypes: ['ReportBatchItemFailures'] },
  { FunctionResponseTypes: [] },
  { TumblingWindowInSeconds: 0 },
  { DestinationConfig: { OnFailure: { Destination: queueArn } } },
  { DestinationConfig: { OnFailure: { Destination: topicArn } } },
  { DestinationConfig: { OnFailure: { Destination: bucketArn } } },
  { DestinationConfig: { OnFailure: {} } },
  { StartingPosition: 'LATEST' },
])('%j is accepted', (parameter) => {
  expect(parse(parameter)).toMatchObject(parameter);
});

test.each([
  ['AT_TIMESTAMP takes a date', new Date(startMillis - 1), startMillis - 1],
  ['AT_TIMESTAMP takes seconds', startMillis / 1_000 - 1.5, startMillis - 1_500],
])('%s', (_, StartingPositionTimestamp, millis) => {
  const { StartingPositionTimestamp: parsed } = parse({ StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp });
  expect(parsed?.getTime()).toBe(millis);
});

test.each([
  ['a name', 'load', 'arn:aws:lambda:us-east-1:000000000000:function:load'],
  ['a name and alias', 'load:live', 'arn:aws:lambda:us-east-1:000000000000:function:load:live'],
  ['a partial ARN', '123456789012:function:load', 'arn:aws:lambda:us-east-1:123456789012:function:load'],
  [
    'an ARN',
    'arn:aws:lambda:eu-west-1:123456789012:function:load',
    'arn:aws:lambda:eu-west-1:123456789012:function:load',
  ],
])('a function can be named by %s', (_, FunctionName, arn) => {
  expect(parse({ FunctionName }).FunctionArn).toBe(arn);
});

const constraint = (member: string, value: unknown, rule: string) =>
  `1 validation error detected: Value ${value === null ? 'null' : `'${value}'`} at '${member}' failed to satisfy constraint: Member ${rule}`;

test.each([
  [{ BatchSize: 0 }, constraint('batchSize', 0, 'must have value greater than or equal to 1')],
  [{ BatchSize: 10_001 }, constraint('batchSize', 10_001, 'must have value less than or equal to 10000')],
  [
    { MaximumBatchingWindowInSeconds: -1 },
    constraint('maximumBatchingWindowInSeconds', -1, 'must have value greater than or equal to 0'),
  ],
  [
    { MaximumBatchingWindowInSeconds: 301 },
    constraint('maximumBatchingWindowInSeconds', 301, 'must have value less than or equal to 300'),
  ],
  [{ ParallelizationFactor: 0 }, constraint('parallelizationFactor', 0, 'must have value greater than or equal to 1')],
  [{ ParallelizationFactor: 11 }, constraint('parallelizationFactor', 11, 'must have value less than or equal to 10')],
  [
    { MaximumRecordAgeInSeconds: -2 },
    constraint('maximumRecordAgeInSeconds', -2, 'must have value greater than or equal to -1'),
  ],
  [
    { MaximumRecordAgeInSeconds: 604_801 },
    constraint('maximumRecordAgeInSeconds', 604_801, 'must have value less than or equal to 604800'),
  ],
  [{ MaximumRetryAttempts: -2 }, constraint('maximumRetryAttempts', -2, 'must have value greater than or equal to -1')],
  [
    { MaximumRetryAttempts: 10_001 },
    constraint('maximumRetryAttempts', 10_001, 'must have value less than or equal to 10000'),
  ],
  [
    { TumblingWindowInSeconds: 901 },
    constraint('tumblingWindowInSeconds', 901, 'must have value less than or equal to 900'),
  ],
  [
    { FunctionResponseTypes: ['All'] },
    constraint('functionResponseTypes.1.member', 'All', 'must satisfy enum value set: [ReportBatchItemFailures]'),
  ],
  [
    { StartingPosition: 'FIRST' },
    constraint('startingPosition', 'FIRST', 'must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]'),
  ],
  [{ FunctionName: undefined }, constraint('functionName', null, 'must not be null')],
])('%j is a ValidationException', (parameter, message) => {
  expect(() => parse(parameter)).toThrow(expect.objectContaining({ name: 'ValidationException', message }));
});

test('one error lists several broken constraints', () => {
  expect(() => parse({ BatchSize: 0, MaximumRetryAttempts: -2 })).toThrow(
    /^2 validation errors detected: Value '0' at 'batchSize' .*; Value '-2' at 'maximumRetryAttempts' /,
  );
});

test.each([
  ['Queues', { Queues: ['q'] }, "Value at 'queues'"],
  ['a misspelt parameter', { BatchSzie: 1 }, "Value at 'batchSzie'"],
  ['a misspelt part', { DestinationConfig: { OnFail: {} } }, "Value at 'destinationConfig.onFail'"],
])('%s is refused, not ignored', (_, parameter, message) => {
  expect(() => parse(parameter)).toThrow(message);
  expect(() => parse(parameter)).toThrow(expect.objectContaining({ name: 'ValidationException' }));
});

test.each([
  [{ BatchSize: '7' }, "string value can not be converted to number at 'batchSize'"],
  [{ BisectBatchOnFunctionError: 1 }, "number value can not be converted to boolean at 'bisectBatchOnFunctionError'"],
])('%j is a SerializationException', (parameter, message) => {
  expect(() => parse(parameter)).toThrow(expect.objectContaining({ name: 'SerializationException', message }));
});

test.each([
  [{ EventSourceArn: undefined }, 'Unrecognized event source.'],
  [{ EventSourceArn: queueArn }, /Unrecognized event source, must be a kinesis data stream/],
  [{ EventSourceArn: `${streamArn}/consumer/c:1` }, /an enhanced fan-out consumer is not supported here/],
  [{ StartingPosition: undefined }, /Value null at 'startingPosition'.*Member must not be null/],
  [{ StartingPosition: 'AT_TIMESTAMP' }, /Need to specify a timestamp/],
  [{ StartingPositionTimestamp: new Date(0) }, 'Timestamp only valid with StartingPosition AT_TIMESTAMP'],
  [{ StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: -1 }, /can not be converted to a Timestamp/],
  [
    { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date(startMillis + 1) },
    'StartingPositionTimestamp cannot be in the future',
  ],
  [
    { MaximumRecordAgeInSeconds: 59 },
    'MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)',
  ],
  [{ MaximumRecordAgeInSeconds: 0 }, /must be either -1/],
  [
    { DestinationConfig: { OnFailure: { Destination: 'arn:aws:dynamodb:us-east-1:000000000000:table/t' } } },
    'The destination ARN arn:aws:dynamodb:us-east-1:000000000000:table/t is invalid.',
  ],
  [{ DestinationConfig: { OnFailure: { Destination: `${queueArn}.fifo` } } }, /failed\.fifo is invalid/],
  [{ ParallelizationFactor: 2 }, /^ParallelizationFactor 2 is not supported here/],
  [{ TumblingWindowInSeconds: 30 }, /^TumblingWindowInSeconds 30 is not supported here/],
  [{ FilterCriteria: { Filters: [{ Pattern: '{}' }] } }, /^FilterCriteria is not supported here/],
])('%j is an InvalidParameterValueException', (parameter, message) => {
  expect(() => parse(parameter)).toThrow(message);
  expect(() => parse(parameter)).toThrow(expect.objectContaining({ name: 'InvalidParameterValueException' }));
});

test('an update changes the parameters that it names and keeps the rest', () => {
  const before = parse({
    BatchSize: 7,
    MaximumRetryAttempts: 3,
    DestinationConfig: { OnFailure: { Destination: queueArn } },
  });
  expect(parseChanges(before, { BatchSize: 8 })).toEqual({
    configuration: { ...before, BatchSize: 8 },
    enabled: undefined,
  });
  expect(parseChanges(before, { DestinationConfig: { OnFailure: {} }, Enabled: false })).toEqual({
    configuration: { ...before, DestinationConfig: { OnFailure: {} } },
    enabled: false,
  });
});

test.each([{ StartingPosition: 'LATEST' }, { EventSourceArn: streamArn }])(
  'an update refuses %j, which can never change',
  (change) => {
    expect(() => parseChanges(parse({}), change)).toThrow(expect.objectContaining({ name: 'ValidationException' }));
  },
);
