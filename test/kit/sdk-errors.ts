/** Errors as the AWS SDK throws them, for what is no service's own decision. */

/** Nothing arrived. */
export function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

/** The client has given up to wait for the answer. */
export function timedOut(): Error {
  return Object.assign(new Error('no answer came in time'), { name: 'TimeoutError' });
}

export function aborted(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError' });
}

/** An answer that is an error of the caller's (4xx), by the name that the service gives it. */
export function clientError(name: string, message: string, httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $fault: 'client', $metadata: { httpStatusCode } });
}
