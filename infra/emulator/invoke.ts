import { clientFault } from './client-faults.ts';

/**
 * Calls a function synchronously and says what came of it. A rejection with an error of a client counts as an error of
 * the service.
 */
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

/** Calls it. What the service or the network does to the call is an error of the service; a defect is thrown. */
export async function invoked(invoke: Invoke, request: InvokeRequest): Promise<InvokeResult> {
  try {
    return await invoke(request);
  } catch (error) {
    if (clientFault(error) === undefined) throw error;
    return { outcome: 'service-error' };
  }
}
