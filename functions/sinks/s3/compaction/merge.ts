/** Makes one file of the contents of several with the same ending, in their order. */
export type Merge = (contents: readonly Buffer[], ending: string, signal: AbortSignal) => Promise<Buffer>;

/**
 * Joins files of NDJSON. What gzip and zstd have compressed apart may stand one after the other in one file (RFC 1952,
 * 2.2; RFC 8878, 3.1), so nothing is compressed again.
 */
export const mergeNdjson: Merge = async (contents, ending) => {
  if (ending === '.parquet')
    throw new Error(
      "there are files of Parquet to merge, and this function writes NDJSON: deploy format: 'parquet' again",
    );
  return Buffer.concat(contents);
};
