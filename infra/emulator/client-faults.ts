/**
 * Names the fault of a service or of the network that made a call fail. Undefined for any other error: that is a
 * defect, and must not be retried for ever.
 */
export function clientFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isOfTheService = '$metadata' in error || '$fault' in error || error.name.endsWith('Exception');
  const isOfTheNetwork = 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
  return isOfTheService || isOfTheNetwork || error.name === 'TimeoutError' ? error.name : undefined;
}
