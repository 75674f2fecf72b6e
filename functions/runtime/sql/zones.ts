import { SqlError } from './sql-error.ts';

/** AT TIME ZONE. UTC alone: other zones change with the tables of whoever runs this, and a transform must give one answer. */
function requireUtc(zone: string): void {
  if (!/^(?:utc|gmt|z|zulu|etc\/utc|etc\/gmt)$/i.test(zone))
    throw new SqlError('0A000', `time zone "${zone}" is not supported: use UTC`);
}

export function fromUtc(zone: string, timestamp: bigint): bigint {
  requireUtc(zone);
  return timestamp;
}

export const toUtc = fromUtc;
