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

/** The right to append to a stream that has customer managed keys. Only the first key encrypts. */
export function encryptsItsOutput(stream: StreamPlan, names: Names): readonly Statement[] {
  const why = 'encrypts its output';
  return ofStream({ why, action: 'kms:GenerateDataKey' }, stream.keys.slice(0, 1), streamArnOf(stream, names));
}

/** Kinesis calls KMS for whoever calls Kinesis, and says which stream it is for: the right counts for no other. */
function ofStream(
  { why, action }: { readonly why: string; readonly action: string },
  resources: readonly string[],
  stream: string,
): readonly Statement[] {
  if (resources.length === 0) return [];
  const conditions = { StringEquals: { 'kms:EncryptionContext:aws:kinesis:arn': stream } };
  return [{ why, actions: [action], resources, conditions }];
}
