import { clientFault } from './client-faults.ts';

/**
 * Calls a function synchronously and resolves to the outcome. It may reject with an error of an SDK client: that counts
 * as a service error.
 */
export type Invoke = (request: InvokeRequest) => Promise<InvokeResult>;

export interface InvokeRequest {
  readonly functionArn: string;
  readonly requestId: string;
  /** The event, as JSON. */
  readonly payload: string;
  /** 1 for the first call with this payload, 2 for its first retry. */
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

/** Calls a function. A fault of the service or the network becomes the outcome `service-error`; a defect is thrown. */
export async function invokeSafely(invoke: Invoke, request: InvokeRequest): Promise<InvokeResult> {
  try {
    return await invoke(request);
  } catch (error) {
    if (clientFault(error) === undefined) throw error;
    return { outcome: 'service-error' };
  }
}
