/** The ARN of a KMS key. An alias does not do: a policy cannot name the key by it. */
export const KEY_ARN = /^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/(mrk-)?[0-9a-f-]{32,36}$/;

export const KEY_ARN_RULE = "use the ARN of a KMS key, not of an alias: 'arn:aws:kms:…:key/…'";

/** A stream's key, or its key and the former ones. */
export type StreamKey = string | readonly [string, ...string[]];

export function keysOf(key: StreamKey | undefined): readonly string[] {
  return [key ?? []].flat();
}
