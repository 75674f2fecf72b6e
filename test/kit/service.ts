/** A service of AWS in memory: what runs is real, what it calls is this. */
export interface Service {
  /** Carries out one operation. Throws as the SDK does. What it does not know is a defect of the kit, and says so. */
  call(command: AwsCommand, signal?: AbortSignal): Promise<object>;
}

/** A command of the SDK. */
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

/** `PutRecordsCommand` is `PutRecords`. */
export function operationOf(command: object): string {
  return command.constructor.name.replace(/Command$/, '');
}
