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
export interface EndpointMapping {
  readonly uuid: string;
  /** `<function> ← <stream>`, for messages. */
  readonly name: string;
  /** True when the endpoint's own pollers work, or are about to. */
  readonly isEnabled: boolean;
  readonly streamArn: string;
  /** The parameters of CreateEventSourceMapping that would make this mapping. */
  readonly request: MappingRequest;
  /** The parameters of `request` that can change later. */
  readonly changes: MappingChanges;
}

/** Lists the endpoint's mappings that read Kinesis. */
export async function listMappings(lambda: LambdaClient): Promise<readonly EndpointMapping[]> {
  const found: EndpointMapping[] = [];
  let Marker: string | undefined;
  do {
    const page = await lambda.send(new ListEventSourceMappingsCommand(Marker === undefined ? {} : { Marker }));
    for (const one of page.EventSourceMappings ?? []) if (readsKinesis(one)) found.push(endpointMapping(one));
    Marker = page.NextMarker || undefined;
  } while (Marker !== undefined);
  return found;
}

const LOOK_EVERY_MILLIS = 200;

/** Switches the endpoint's own pollers on or off. Resolves when that has happened. */
export async function switchPollers(lambda: LambdaClient, uuid: string, on: boolean): Promise<void> {
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: uuid, Enabled: on }));
  const goal = on ? 'Enabled' : 'Disabled';
  for (;;) {
    const { State } = await lambda.send(new GetEventSourceMappingCommand({ UUID: uuid }));
    // A server that knows no states has switched them when it answers.
    if (State === undefined || State === goal) return;
    await delay(LOOK_EVERY_MILLIS);
  }
}

function readsKinesis({ EventSourceArn }: EventSourceMappingConfiguration): boolean {
  return EventSourceArn?.split(':')[2] === 'kinesis';
}

function endpointMapping(mapping: EventSourceMappingConfiguration): EndpointMapping {
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

/** Takes `load` or `load:live` out of `arn:aws:lambda:us-east-1:000000000000:function:load:live`. */
function functionOf(arn: string): string {
  return arn.split(':').slice(6).join(':') || arn;
}

/**
 * Reads the parameters. A server leaves out, or sets to null, those that it does not know: Lambda's defaults hold then.
 */
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
 * Chooses where to start reading. The API does not say when a mapping of LATEST began, only when it was last changed,
 * which is that time or later. Reading from there misses no record that its own pollers have not delivered, and repeats
 * those that they have delivered since.
 */
function startOf({ StartingPosition, StartingPositionTimestamp, LastModified }: EventSourceMappingConfiguration) {
  if (StartingPosition === 'LATEST' && LastModified !== undefined) {
    return { StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: LastModified } as const;
  }
  return { StartingPosition, StartingPositionTimestamp: StartingPositionTimestamp ?? undefined };
}
