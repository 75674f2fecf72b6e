/** An error as the Lambda API answers it: `name` is the name AWS gives it. */
export class LambdaError extends Error {
  constructor(name: LambdaErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

export type LambdaErrorName =
  | 'InvalidParameterValueException'
  | 'ResourceInUseException'
  | 'ResourceNotFoundException'
  | 'SerializationException'
  | 'ValidationException';
