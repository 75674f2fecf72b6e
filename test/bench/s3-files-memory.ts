import { type Encoding, peakOfReading } from '../functions/sources/s3-files/peak-memory.ts';

/** Checks that reading 1 GB takes at most 64 MiB more than reading 10 MB: `node test/bench/s3-files-memory.ts`. */
const MOST_MORE_MIB = 64;

for (const encoding of ['plain', 'gzip', 'zstd'] satisfies Encoding[]) {
  const short = await peakOfReading(10, encoding);
  const long = await peakOfReading(1024, encoding);
  const more = long.peakMiB - short.peakMiB;
  const isComplete = long.rows === long.expectedRows;
  console.log(
    `${encoding}: 10 MiB peak ${short.peakMiB} MiB, 1 GiB peak ${long.peakMiB} MiB (${more} more, at most ${MOST_MORE_MIB}), ` +
      `${long.rows} of ${long.expectedRows} rows in ${long.seconds} s`,
  );
  if (more > MOST_MORE_MIB || !isComplete) process.exitCode = 1;
}
