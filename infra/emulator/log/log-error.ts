/** An error that the log answers with: AWS's name for it, and AWS's words where we know them. */
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
