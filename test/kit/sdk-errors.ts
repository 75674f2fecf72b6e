/** Errors as the AWS SDK throws them. */

/** Makes the error of a broken connection. */
export function connectionReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

/** Makes the error of a client that timed out. */
export function timedOut(): Error {
  return Object.assign(new Error('no answer came in time'), { name: 'TimeoutError' });
}

export function aborted(): Error {
  return Object.assign(new Error('Request aborted'), { name: 'AbortError' });
}

/** Makes a service's answer to a wrong request (4xx). `name` is the service's name for the error. */
export function clientError(name: string, message: string, httpStatusCode = 400): Error {
  return Object.assign(new Error(message), { name, $fault: 'client', $metadata: { httpStatusCode } });
}
