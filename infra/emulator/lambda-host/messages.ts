/** What the host tells an instance. */
export interface InvokeMessage {
  readonly payload: string;
  readonly requestId: string;
  readonly functionArn: string;
  readonly deadlineMillis: number;
}

/** What an instance tells the host. A runtime that cannot go on says why before it exits. */
export type InstanceMessage =
  | { readonly told: 'ready' }
  | { readonly told: 'returned'; readonly payload: string }
  | ({ readonly told: 'threw' } & FunctionFailure)
  | ({ readonly told: 'dying' } & FunctionFailure);

/** An error as Lambda shows it to the caller. */
export interface FunctionFailure {
  readonly errorType: string;
  readonly message: string;
  readonly stackTrace: readonly string[];
}
