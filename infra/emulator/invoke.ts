/** Calls a function synchronously and says what came of it. A rejection counts as an error of the service. */
export type Invoke = (request: InvokeRequest) => Promise<InvokeResult>;

export interface InvokeRequest {
  readonly functionArn: string;
  readonly requestId: string;
  /** The event, as JSON. */
  readonly payload: string;
  /** 1 for the first time these records are tried, 2 for their first retry. */
  readonly attempt: number;
}

export type InvokeResult =
  | { readonly outcome: 'returned'; readonly payload: string }
  | {
      readonly outcome: 'error';
      readonly functionError: 'Unhandled';
      readonly errorType: string;
      readonly message: string;
      readonly stackTrace?: readonly string[];
    }
  | { readonly outcome: 'throttled' }
  | { readonly outcome: 'service-error' };
