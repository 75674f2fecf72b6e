/** An error of the Lambda or Scheduler API. `name` is AWS's name for it. */
export class LambdaError extends Error {
  constructor(name: LambdaErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

export type LambdaErrorName =
  | 'InvalidParameterValueException'
  | 'ResourceConflictException'
  | 'ResourceInUseException'
  | 'ResourceNotFoundException'
  | 'SerializationException'
  | 'ValidationException';
