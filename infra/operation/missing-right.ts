/**
 * Says which right these credentials lack when AWS refuses a call for that, also where AWS does not name the right.
 * Undefined: the error is another one.
 */
export function missingRight({ name, message }: Error): string | undefined {
  if (!/AccessDenied|^(?:Forbidden|403)$/.test(name)) return undefined;
  const [, right] = /not authorized to perform: ([\w-]+:\w+)/.exec(message) ?? [];
  return right === undefined
    ? `these credentials lack a right that AWS does not name (${name}: ${message}): compare them with docs/deploy.md#who-may-do-what`
    : `these credentials may not call ${right}: allow it (${message})`;
}
