import { setTimeout as delay } from 'node:timers/promises';
import {
  type EventSourceMappingConfiguration,
  GetEventSourceMappingCommand,
  type LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import type { MappingChanges, MappingRequest } from '../emulator/mapping/configuration.ts';

/** A Kinesis mapping as an endpoint's Lambda describes it. */
export interface Described {
  readonly uuid: string;
  /** `<function> ← <stream>`, for people. */
  readonly name: string;
  /** Whether its own pollers work, or are about to. */
  readonly isEnabled: boolean;
  readonly streamArn: string;
  /** What CreateEventSourceMapping would have to be asked for to get it. */
  readonly request: MappingRequest;
  /** The part of that which may change. */
  readonly changes: MappingChanges;
}

/** All of the endpoint's mappings that read Kinesis. */
export async function describeMappings(lambda: LambdaClient): Promise<readonly Described[]> {
  const found: Described[] = [];
  let Marker: string | undefined;
  do {
    const page = await lambda.send(new ListEventSourceMappingsCommand(Marker === undefined ? {} : { Marker }));
    for (const one of page.EventSourceMappings ?? []) if (readsKinesis(one)) found.push(described(one));
    Marker = page.NextMarker || undefined;
  } while (Marker !== undefined);
  return found;
}

const LOOK_EVERY_MILLIS = 200;

/** Switches the endpoint's own pollers on or off, and resolves when they are. */
export async function switchPollers(lambda: LambdaClient, uuid: string, on: boolean): Promise<void> {
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: uuid, Enabled: on }));
  const goal = on ? 'Enabled' : 'Disabled';
  for (;;) {
    const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID: uuid }));
    // A server without states has done it when it has answered.
    if (State === undefined || State === goal) return;
    await delay(LOOK_EVERY_MILLIS);
  }
}

function readsKinesis({ EventSourceArn }: EventSourceMappingConfiguration): boolean {
  return EventSourceArn?.split(':')[2] === 'kinesis';
}

function described(mapping: EventSourceMappingConfiguration): Described {
  const { UUID = '', EventSourceArn = '', FunctionArn = '', State = 'Enabled' } = mapping;
  const changes = changesOf(mapping);
  return {
    uuid: UUID,
    name: `${functionOf(FunctionArn)} ← ${EventSourceArn.split('/').slice(1).join('/')}`,
    isEnabled: !['Disabled', 'Disabling', 'Deleting'].includes(State),
    streamArn: EventSourceArn,
    request: { ...changes, FunctionName: FunctionArn, EventSourceArn, ...startOf(mapping) },
    changes,
  };
}

/** `load` or `load:live` of `arn:aws:lambda:us-east-1:000000000000:function:load:live`. */
function functionOf(arn: string): string {
  return arn.split(':').slice(6).join(':') || arn;
}

/** Servers leave out, or say null, what they do not know: then it is Lambda's default. */
function changesOf(mapping: EventSourceMappingConfiguration): MappingChanges {
  const destination = mapping.DestinationConfig?.OnFailure?.Destination;
  return {
    FunctionName: mapping.FunctionArn,
    BatchSize: mapping.BatchSize ?? undefined,
    MaximumBatchingWindowInSeconds: mapping.MaximumBatchingWindowInSeconds ?? undefined,
    ParallelizationFactor: mapping.ParallelizationFactor ?? undefined,
    MaximumRecordAgeInSeconds: mapping.MaximumRecordAgeInSeconds ?? undefined,
    MaximumRetryAttempts: mapping.MaximumRetryAttempts ?? undefined,
    BisectBatchOnFunctionError: mapping.BisectBatchOnFunctionError ?? undefined,
    FunctionResponseTypes: mapping.FunctionResponseTypes as MappingChanges['FunctionResponseTypes'],
    TumblingWindowInSeconds: mapping.TumblingWindowInSeconds ?? undefined,
    DestinationConfig: { OnFailure: destination ? { Destination: destination } : {} },
    FilterCriteria: { Filters: mapping.FilterCriteria?.Filters ?? [] },
  };
}

/**
 * Where a mapping that starts at the latest began is not told. It was last changed then or later, and from there on
 * nothing is missed: what its own pollers have delivered since may come again.
 */
function startOf({ StartingPosition, StartingPositionTimestamp, LastModified }: EventSourceMappingConfiguration) {
  if (StartingPosition === 'LATEST' && LastModified !== undefined) {
    return { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: LastModified } as const;
  }
  return { StartingPosition, StartingPositionTimestamp: StartingPositionTimestamp ?? undefined };
}
