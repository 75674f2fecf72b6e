import type { KeptSecret, Statement } from './needs.ts';

/** The rights to read a secret. Secrets Manager calls KMS for the reader, and says which secret it is for. */
export function readsSecret(
  why: string,
  { secret, key }: KeptSecret,
  whyDecrypts = 'decrypts that secret',
): readonly Statement[] {
  const reads = { why, actions: ['secretsmanager:GetSecretValue'], resources: [secret] };
  if (key === undefined) return [reads];
  const conditions = { StringEquals: { 'kms:EncryptionContext:SecretARN': secret } };
  return [reads, { why: whyDecrypts, actions: ['kms:Decrypt'], resources: [key], conditions }];
}
