/**
 * The name of what a service or the network did to a call, or undefined for an error that is neither and so a defect,
 * which must not be taken for a fault and retried for ever.
 */
export function clientFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isOfTheService = '$metadata' in error || '$fault' in error || error.name.endsWith('Exception');
  const isOfTheNetwork = 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
  return isOfTheService || isOfTheNetwork || error.name === 'TimeoutError' ? error.name : undefined;
}
