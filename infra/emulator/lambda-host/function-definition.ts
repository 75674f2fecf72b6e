/** A function as CreateFunction would make it. */
export interface FunctionDefinition {
  readonly name: string;
  /** An ES module that exports the handler. */
  readonly bundlePath: string;
  /** The name of the export, such as `handler`; `index.handler` says the same. */
  readonly handlerName: string;
  /** All that the function sees beside what Lambda sets. Names that Lambda reserves are refused. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMillis: number;
  readonly memoryMb: number;
  /** Reserved concurrency: a call above it is throttled. Without it there is no limit. */
  readonly maxConcurrency?: number;
}
