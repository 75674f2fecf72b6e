import * as kinesis from '@aws-sdk/client-kinesis';
import type { Log } from './log.ts';
import { LogError } from './log-error.ts';

/** The part of the SDK's client that our programs use, so that they run with this client too. */
export type LogClient = Pick<kinesis.KinesisClient, 'send'>;

/**
 * Calls the log in this process, with the SDK's commands.
 *
 * *Behaviour.* Answers and errors are those of the SDK's client. Record data is copied on the way in and on the way
 * out, so a caller cannot change what the log stores.
 *
 * *Differences from AWS.* The client never retries: a throttled call rejects at once. No middleware of the SDK runs, so
 * nothing is signed, logged or delayed.
 */
export function logClient(log: Log): LogClient {
  let requests = 0;
  const send = async (command: { readonly input: object }): Promise<object> => {
    const requestId = `00000000-0000-4000-8000-${String(++requests).padStart(12, '0')}`;
    const $metadata = { httpStatusCode: 200, requestId, attempts: 1, totalRetryDelay: 0 };
    try {
      const output = log.call(operationOf(command), ownData(command.input));
      return { ...ownData(output), $metadata };
    } catch (error) {
      throw error instanceof LogError ? sdkError(error, { ...$metadata, httpStatusCode: 400 }) : error;
    }
  };
  return { send: send as LogClient['send'] };
}

const operations = new WeakMap<object, string>();

/** Returns the operation of a command: `PutRecords` for `PutRecordsCommand`. */
function operationOf({ constructor: made }: object): string {
  const operation = operations.get(made) ?? made.name.replace(/Command$/, '');
  operations.set(made, operation);
  return operation;
}

function ownData<Members extends object>(members: Members): Members {
  if (!('Records' in members) || !Array.isArray(members.Records)) {
    return 'Data' in members ? { ...members, Data: copyOf(members.Data) } : members;
  }
  return {
    ...members,
    Records: members.Records.map((record) =>
      record && 'Data' in record ? { ...record, Data: copyOf(record.Data) } : record,
    ),
  };
}

function copyOf(data: unknown): unknown {
  return data instanceof Uint8Array ? new Uint8Array(data) : data;
}

function sdkError({ name, message }: LogError, $metadata: kinesis.KinesisServiceException['$metadata']): Error {
  const modelled = Object.entries(exceptions).find(([modelledName]) => modelledName === name)?.[1];
  if (modelled !== undefined) return new modelled({ message, $metadata });
  return new kinesis.KinesisServiceException({ name, $fault: 'client', message, $metadata });
}

const exceptions = {
  ExpiredIteratorException: kinesis.ExpiredIteratorException,
  ExpiredNextTokenException: kinesis.ExpiredNextTokenException,
  InvalidArgumentException: kinesis.InvalidArgumentException,
  LimitExceededException: kinesis.LimitExceededException,
  ProvisionedThroughputExceededException: kinesis.ProvisionedThroughputExceededException,
  ResourceInUseException: kinesis.ResourceInUseException,
  ResourceNotFoundException: kinesis.ResourceNotFoundException,
  ValidationException: kinesis.ValidationException,
};
