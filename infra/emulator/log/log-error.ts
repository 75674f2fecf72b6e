/** An answer of the log that is an error: AWS's name for it, and AWS's words as far as they are known. */
export class LogError extends Error {
  override readonly name: string;

  constructor(name: LogErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

export type LogErrorName =
  | 'ExpiredIteratorException'
  | 'ExpiredNextTokenException'
  | 'InvalidArgumentException'
  | 'LimitExceededException'
  | 'ProvisionedThroughputExceededException'
  | 'ResourceInUseException'
  | 'ResourceNotFoundException'
  | 'SerializationException'
  | 'UnknownOperationException'
  | 'ValidationException';

export function invalidArgument(message: string): LogError {
  return new LogError('InvalidArgumentException', message);
}
