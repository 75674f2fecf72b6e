import { z } from 'zod';
import { LambdaError } from '../lambda-error.ts';
import { lambdaArn, parseStreamArn } from './arns.ts';
import { refuseInvalid } from './validation.ts';

const functionNamePattern =
  /^(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?$/;
const destinationPattern = /^arn:(aws[a-zA-Z-]*):(sqs|sns|s3):([a-z0-9-]*):(\d{12})?:(.+)$/;

/** The parameters that UpdateEventSourceMapping takes too. */
const changeable = {
  FunctionName: z.string().max(140, atMostCharacters(140)).regex(functionNamePattern, pattern(functionNamePattern)),
  Enabled: z.boolean(),
  BatchSize: integerBetween(1, 10_000),
  MaximumBatchingWindowInSeconds: integerBetween(0, 300),
  /** Above 1, order holds per partition key only: of no use for aggregated records, which hold many keys. */
  ParallelizationFactor: integerBetween(1, 10),
  /** In seconds. −1: records never become too old. */
  MaximumRecordAgeInSeconds: integerBetween(-1, 604_800),
  /** −1: retry until the records expire. */
  MaximumRetryAttempts: integerBetween(-1, 10_000),
  BisectBatchOnFunctionError: z.boolean(),
  FunctionResponseTypes: z
    .array(z.enum(['ReportBatchItemFailures'], { error: oneOf(['ReportBatchItemFailures']) }))
    .max(1, 'Member must have length less than or equal to 1'),
  TumblingWindowInSeconds: integerBetween(0, 900),
  DestinationConfig: z.strictObject({
    OnFailure: z.strictObject({ Destination: z.string().optional() }).optional(),
  }),
  FilterCriteria: z.strictObject({ Filters: z.array(z.unknown()).optional() }),
};

const changesSchema = z.strictObject(changeable).partial();

/** The parameters of CreateEventSourceMapping for a Kinesis stream. */
const requestSchema = changesSchema.extend({
  FunctionName: changeable.FunctionName,
  EventSourceArn: z.string().optional(),
  StartingPosition: z
    .enum(['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'], { error: oneOf(['LATEST', 'AT_TIMESTAMP', 'TRIM_HORIZON']) })
    .optional(),
  /** A date, or seconds since the epoch. */
  StartingPositionTimestamp: z.union([z.date(), z.number()]).optional(),
});

export type MappingRequest = z.input<typeof requestSchema>;
export type MappingChanges = z.input<typeof changesSchema>;

/** A request, completed with Lambda's defaults. */
export interface MappingConfiguration {
  readonly FunctionArn: string;
  readonly EventSourceArn: string;
  readonly StartingPosition: 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP';
  readonly StartingPositionTimestamp?: Date;
  readonly BatchSize: number;
  readonly MaximumBatchingWindowInSeconds: number;
  readonly ParallelizationFactor: number;
  readonly MaximumRecordAgeInSeconds: number;
  readonly MaximumRetryAttempts: number;
  readonly BisectBatchOnFunctionError: boolean;
  readonly FunctionResponseTypes: readonly 'ReportBatchItemFailures'[];
  readonly TumblingWindowInSeconds: number;
  readonly DestinationConfig: { readonly OnFailure: { readonly Destination?: string } };
}

/**
 * Parses the parameters of CreateEventSourceMapping.
 *
 * *Behaviour.* Throws the error that Lambda answers with: a SerializationException for a value of another type, one
 * ValidationException that lists all broken constraints, and an InvalidParameterValueException for values that do not
 * go together. A StartingPositionTimestamp after `nowMillis` is refused.
 *
 * *Differences from AWS.* ParallelizationFactor above 1, TumblingWindowInSeconds, FilterCriteria and enhanced fan-out
 * consumers are refused, because this emulator does not have them. A parameter of another kind of source is a
 * ValidationException. The messages of these are ours.
 */
export function parseRequest(
  input: unknown,
  nowMillis: number,
): { configuration: MappingConfiguration; enabled: boolean } {
  const request = refuseInvalid(requestSchema, input);
  if (request.EventSourceArn === undefined) refuse('Unrecognized event source.');
  const stream = parseStreamArn(request.EventSourceArn);
  if (stream === undefined) {
    refuse(
      `Unrecognized event source, must be a kinesis data stream: EventSourceArn ${request.EventSourceArn}` +
        ' (an enhanced fan-out consumer is not supported here)',
    );
  }
  if (request.StartingPosition === undefined) {
    refuse(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    );
  }
  const timestamp = startingTimestamp(request, nowMillis);
  const configuration: MappingConfiguration = {
    FunctionArn: lambdaArn(request.FunctionName, stream),
    EventSourceArn: request.EventSourceArn,
    StartingPosition: request.StartingPosition,
    ...(timestamp === undefined ? {} : { StartingPositionTimestamp: timestamp }),
    BatchSize: 100,
    MaximumBatchingWindowInSeconds: 0,
    ParallelizationFactor: 1,
    MaximumRecordAgeInSeconds: -1,
    MaximumRetryAttempts: -1,
    BisectBatchOnFunctionError: false,
    FunctionResponseTypes: [],
    TumblingWindowInSeconds: 0,
    DestinationConfig: { OnFailure: {} },
  };
  return { configuration: withChanges(configuration, request), enabled: request.Enabled ?? true };
}

/** Parses the parameters of UpdateEventSourceMapping. `enabled` is undefined when they leave it as it is. */
export function parseChanges(
  current: MappingConfiguration,
  input: unknown,
): { configuration: MappingConfiguration; enabled: boolean | undefined } {
  const changes = refuseInvalid(changesSchema, input);
  return { configuration: withChanges(current, changes), enabled: changes.Enabled };
}

function withChanges(current: MappingConfiguration, changes: z.output<typeof changesSchema>): MappingConfiguration {
  refuseUnsupported(changes);
  const stream = parseStreamArn(current.EventSourceArn);
  const { FunctionName } = changes;
  return {
    ...current,
    FunctionArn: FunctionName && stream ? lambdaArn(FunctionName, stream) : current.FunctionArn,
    BatchSize: changes.BatchSize ?? current.BatchSize,
    MaximumBatchingWindowInSeconds: changes.MaximumBatchingWindowInSeconds ?? current.MaximumBatchingWindowInSeconds,
    MaximumRecordAgeInSeconds: changes.MaximumRecordAgeInSeconds ?? current.MaximumRecordAgeInSeconds,
    MaximumRetryAttempts: changes.MaximumRetryAttempts ?? current.MaximumRetryAttempts,
    BisectBatchOnFunctionError: changes.BisectBatchOnFunctionError ?? current.BisectBatchOnFunctionError,
    FunctionResponseTypes: changes.FunctionResponseTypes ?? current.FunctionResponseTypes,
    DestinationConfig: changes.DestinationConfig === undefined ? current.DestinationConfig : onFailure(changes),
  };
}

function onFailure({ DestinationConfig }: z.output<typeof changesSchema>): MappingConfiguration['DestinationConfig'] {
  const destination = DestinationConfig?.OnFailure?.Destination;
  return { OnFailure: destination === undefined ? {} : { Destination: destination } };
}

function refuseUnsupported(changes: z.output<typeof changesSchema>): void {
  const age = changes.MaximumRecordAgeInSeconds;
  if (age !== undefined && age !== -1 && age < 60) {
    refuse('MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 (inclusive)');
  }
  const destination = changes.DestinationConfig?.OnFailure?.Destination;
  if (destination !== undefined && !isDestination(destination)) {
    refuse(`The destination ARN ${destination} is invalid.`);
  }
  if ((changes.ParallelizationFactor ?? 1) > 1) {
    refuse(
      `ParallelizationFactor ${changes.ParallelizationFactor} is not supported here: it orders by partition key only; leave it at 1`,
    );
  }
  if ((changes.TumblingWindowInSeconds ?? 0) > 0) {
    refuse(`TumblingWindowInSeconds ${changes.TumblingWindowInSeconds} is not supported here; leave it at 0`);
  }
  if ((changes.FilterCriteria?.Filters?.length ?? 0) > 0) {
    refuse('FilterCriteria is not supported here: it sees records as they are, aggregated or compressed; leave it out');
  }
}

/** True for a standard queue, a standard topic or a bucket: Lambda takes no FIFO destinations. */
function isDestination(arn: string): boolean {
  return destinationPattern.test(arn) && !arn.endsWith('.fifo');
}

function startingTimestamp(request: z.output<typeof requestSchema>, nowMillis: number): Date | undefined {
  const { StartingPosition, StartingPositionTimestamp } = request;
  if (StartingPositionTimestamp === undefined) {
    if (StartingPosition === 'AT_TIMESTAMP') refuse('Need to specify a timestamp: StartingPositionTimestamp');
    return undefined;
  }
  if (StartingPosition !== 'AT_TIMESTAMP') refuse('Timestamp only valid with StartingPosition AT_TIMESTAMP');
  const millis =
    StartingPositionTimestamp instanceof Date ? StartingPositionTimestamp.getTime() : StartingPositionTimestamp * 1_000;
  if (millis < 0) {
    refuse(
      'Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp',
    );
  }
  if (millis > nowMillis) refuse('StartingPositionTimestamp cannot be in the future');
  return new Date(millis);
}

function refuse(message: string): never {
  throw new LambdaError('InvalidParameterValueException', message);
}

function integerBetween(least: number, most: number) {
  return z
    .int()
    .min(least, `Member must have value greater than or equal to ${least}`)
    .max(most, `Member must have value less than or equal to ${most}`);
}

function atMostCharacters(length: number): string {
  return `Member must have length less than or equal to ${length}`;
}

function pattern(expression: RegExp): string {
  return `Member must satisfy regular expression pattern: ${expression.source.slice(1, -1)}`;
}

function oneOf(values: readonly string[]): string {
  return `Member must satisfy enum value set: [${values.join(', ')}]`;
}
