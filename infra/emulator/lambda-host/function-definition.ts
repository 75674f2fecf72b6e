/** A function, with the parameters of CreateFunction that are emulated. */
export interface FunctionDefinition {
  readonly name: string;
  /** An ES module that exports the handler. */
  readonly bundlePath: string;
  /** The name of the export: `handler`, or `index.handler` as Lambda writes it. */
  readonly handlerName: string;
  /** The function's own variables. Names that Lambda reserves are refused. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMillis: number;
  readonly memoryMb: number;
  /** Reserved concurrency: calls above it are throttled. No limit by default. */
  readonly maxConcurrency?: number;
}
