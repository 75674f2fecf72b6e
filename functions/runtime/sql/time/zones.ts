import { SqlError } from '../errors/sql-error.ts';
import { dateTrunc, makeTimestamp } from './timestamp-parts.ts';

/**
 * Throws for any time zone but UTC. Other zones depend on the machine's time zone tables, and a transform must give the
 * same result everywhere.
 */
function requireUtc(zone: string): void {
  if (!/^(?:utc|gmt|z|zulu|etc\/utc|etc\/gmt)$/i.test(zone))
    throw new SqlError('0A000', `time zone "${zone}" is not supported: use UTC`);
}

export function fromUtc(zone: string, timestamp: bigint): bigint {
  requireUtc(zone);
  return timestamp;
}

export const toUtc = fromUtc;

export function dateTruncInZone(field: string, timestamp: bigint, zone: string): bigint {
  requireUtc(zone);
  return dateTrunc(field, timestamp);
}

export function makeTimestampInZone(
  ...[year, month, day, hour, minute, second, zone]: [number, number, number, number, number, number, string]
): bigint {
  requireUtc(zone);
  return makeTimestamp(year, month, day, hour, minute, second);
}
