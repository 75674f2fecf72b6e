/**
 * A value that is the same exactly if two values of one type are equal for GROUP BY and DISTINCT, as the key of a Map
 * is: NaN is itself and -0 is 0.
 */
export type Identity = string | number | bigint | boolean | null;

/** Returns the identity of several values, of which nulls are the same. */
export function identityOfAll(
  values: readonly unknown[],
  identities: readonly ((value: never) => Identity)[],
): Identity {
  const [only] = identities;
  if (identities.length === 1 && only !== undefined) return identityOrNull(only, values[0]);
  return joinedIdentity(identities.map((identity, i) => identityOrNull(identity, values[i])));
}

const identityOrNull = (identity: (value: never) => Identity, value: unknown): Identity =>
  value === null ? null : identity(value as never);

/** Joins identities so that no two lists of them give the same text: each follows its length. */
export function joinedIdentity(identities: readonly Identity[]): string {
  let joined = '';
  for (const identity of identities) {
    if (identity === null) joined += '-';
    else {
      const text = String(identity);
      joined += `${text.length}:${text}`;
    }
  }
  return joined;
}

/** The identity of a value that JavaScript compares as Postgres does. */
export const sameIdentity = (value: Identity): Identity => value;

export const arrayIdentity =
  <T>(identity: (value: T) => Identity) =>
  (values: readonly (T | null)[]): string =>
    joinedIdentity(values.map((value) => (value === null ? null : identity(value))));
