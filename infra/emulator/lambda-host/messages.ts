/** A message from the host to an instance: a call. */
export interface InvokeMessage {
  readonly payload: string;
  readonly requestId: string;
  readonly functionArn: string;
  readonly deadlineMillis: number;
}

/** A message from an instance to the host. A runtime that has to exit gives its reason first: `dying`. */
export type InstanceMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'returned'; readonly payload: string }
  | ({ readonly kind: 'threw' } & FunctionFailure)
  | ({ readonly kind: 'dying' } & FunctionFailure);

/** An error as Lambda shows it to the caller of a function. */
export interface FunctionFailure {
  readonly errorType: string;
  readonly message: string;
  readonly stackTrace: readonly string[];
}
