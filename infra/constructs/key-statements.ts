import type { Names } from '../names.ts';
import type { Statement } from '../needs.ts';
import type { StreamPlan } from '../pipelines/streams.ts';
import { streamArnOf } from './stream-names.ts';

/**
 * The right to read a stream that has customer managed keys: for the step, and for the mapping, which reads with the
 * step's role. Nobody needs a right to AWS's own key for Kinesis.
 */
export function decryptsItsInput(stream: StreamPlan, names: Names): readonly Statement[] {
  return ofStream({ why: 'decrypts its input', action: 'kms:Decrypt' }, stream.keys, streamArnOf(stream, names));
}

/** The right to append to streams that have customer managed keys. Only the first key of a stream encrypts. */
export function encryptsItsOutput(streams: readonly StreamPlan[], names: Names): readonly Statement[] {
  const why = 'encrypts its output';
  const encrypted = streams.filter(({ keys }) => keys.length > 0);
  const keys = [...new Set(encrypted.flatMap(({ keys: [first] }) => first ?? []))];
  const [one, ...others] = encrypted.map((stream) => streamArnOf(stream, names));
  if (one === undefined) return [];
  return ofStream({ why, action: 'kms:GenerateDataKey' }, keys, others.length === 0 ? one : [one, ...others]);
}

/**
 * Kinesis calls KMS for whoever calls Kinesis, and says which stream it is for: the right counts for no other stream.
 */
function ofStream(
  { why, action }: { readonly why: string; readonly action: string },
  resources: readonly string[],
  streams: string | readonly string[],
): readonly Statement[] {
  if (resources.length === 0) return [];
  const conditions = { StringEquals: { 'kms:EncryptionContext:aws:kinesis:arn': streams } };
  return [{ why, actions: [action], resources, conditions }];
}
