/** An AWS service in memory. The code under test is real and calls this instead of AWS. */
export interface Service {
  /** Performs one operation. Throws as the SDK does, and names any operation that the kit lacks. */
  call(command: AwsCommand, signal?: AbortSignal): Promise<object>;
}

/** A command of the AWS SDK. */
export interface AwsCommand {
  readonly input: object;
}

type Operations = Readonly<Record<string, (input: never, signal: AbortSignal | undefined) => object | Promise<object>>>;

export function serviceOf(name: string, operations: Operations): Service {
  return {
    async call(command, signal) {
      const operation = operationOf(command);
      const carryOut = operations[operation];
      if (carryOut === undefined)
        throw new Error(`the kit's ${name} does not have ${operation}: it has ${Object.keys(operations).join(', ')}`);
      return { $metadata: { httpStatusCode: 200 }, ...(await carryOut(command.input as never, signal)) };
    },
  };
}

/** Returns the operation of a command: `PutRecords` for `PutRecordsCommand`. */
export function operationOf(command: object): string {
  return command.constructor.name.replace(/Command$/, '');
}
