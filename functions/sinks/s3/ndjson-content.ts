import { fileBytes } from './file-bytes.ts';
import type { S3Options } from './options.ts';
import type { ContentOf } from './write-files.ts';

/** Returns how the NDJSON files of these options are made. Every event that has a file can be written. */
export function ndjsonContent(options: Pick<S3Options, 'compression'>): ContentOf {
  return async (file, signal) => ({ body: await fileBytes(file, options, signal), rejections: [] });
}
