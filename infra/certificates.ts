import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { REPOSITORY } from './repository.ts';

/** A function's environment has 4 KB. This leaves enough for the rest of a step's configuration. */
const MOST_BYTES = 2_500;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads the certificates of a PEM file and leaves out what else stands there. The path is relative to the repository.
 * Throws an error that says what is wrong with the file.
 */
export function readCertificates(path: string): string {
  const found = textOf(path).match(CERTIFICATE) ?? [];
  if (found.length === 0)
    throw new Error(`'${path}' has no certificate: name a PEM file (-----BEGIN CERTIFICATE-----)`);
  const certificates = found.map((pem) => normalized(pem, path)).join('');
  const bytes = Buffer.byteLength(certificates);
  if (bytes <= MOST_BYTES) return certificates;
  throw new Error(
    `'${path}' has ${found.length} certificates with ${bytes} bytes, and a function takes ${MOST_BYTES}: keep only the authority that signed the server's certificate`,
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(resolve(REPOSITORY, path), 'utf8');
  } catch (error) {
    throw new Error(
      `'${path}' cannot be read (${(error as NodeJS.ErrnoException).code}): name a PEM file by its path in the repository, or 'public'`,
    );
  }
}

function normalized(pem: string, path: string): string {
  try {
    return new X509Certificate(pem).toString();
  } catch (error) {
    throw new Error(`'${path}' has a certificate that cannot be read (${(error as Error).message}): copy it again`);
  }
}
