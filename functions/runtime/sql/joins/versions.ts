import { EventRejected } from '../../errors.ts';
import { elementRanges, memberRanges, textOf } from '../../json/json-ranges.ts';
import { checkRowSize } from '../../table.ts';
import { timestamptzFromText, timestamptzJson } from '../time/timestamps.ts';

/** A row of a table from some time on. */
export interface Version {
  /** A timestamptz. */
  readonly micros: bigint;
  /** JSON. Undefined: from then on there is no row. */
  readonly row: string | undefined;
}

/** The versions of the row of a key, as far back as they are kept. */
export interface Versions {
  /** Set when versions of before were dropped: what the row was earlier than this is not known. */
  readonly since: bigint | undefined;
  /** The earliest first, each with another time. */
  readonly list: readonly Version[];
}

/** So many versions of a row are kept, beside the bound of their bytes. */
const MOST_VERSIONS = 1_000;

/**
 * Adds a version, in the order of times, whenever it comes. One with the time of another replaces it. Versions are
 * dropped that were replaced longer ago than `keptMillis` before the latest one, and the earliest ones where there are
 * too many. Throws `EventRejected` for a row that is too large.
 */
export function withVersion(versions: Versions | undefined, version: Version, keptMillis: number): Versions {
  const { since, list } = versions ?? { since: undefined, list: [] };
  if (since !== undefined && version.micros < since)
    throw new EventRejected(
      'late',
      `the row is of ${timestamptzJson(version.micros)}, and its versions are kept from ${timestamptzJson(since)} on: a longer RETENTION keeps them longer`,
    );
  checkRowSize(Buffer.byteLength(version.row ?? ''));
  const after = list.findIndex(({ micros }) => micros >= version.micros);
  const at = after === -1 ? list.length : after;
  const next = list[at]?.micros === version.micros ? at + 1 : at;
  return fewer({ since, list: [...list.slice(0, at), version, ...list.slice(next)] }, keptMillis);
}

/** Drops the earliest versions. The last one that is dropped says from when on the others are the whole truth. */
function fewer({ since, list }: Versions, keptMillis: number): Versions {
  const oldest = (list.at(-1)?.micros ?? 0n) - BigInt(keptMillis) * 1000n;
  let first = 0;
  // The version that was current at the oldest time is kept.
  while (first + 1 < list.length && (list[first + 1] as Version).micros <= oldest) first += 1;
  first = Math.max(first, list.length - MOST_VERSIONS);
  let bytes = 0;
  for (let i = list.length - 1; i >= first; i -= 1) {
    bytes += (list[i]?.row?.length ?? 0) * 3 + FRAME;
    if (bytes > MOST_BYTES && i < list.length - 1) {
      first = i + 1;
      break;
    }
  }
  return first === 0 ? { since, list } : { since: (list[first] as Version).micros, list: list.slice(first) };
}

/** A state of a table has at most 128 KiB: the versions that fit, and at least the latest one. */
const MOST_BYTES = 96 * 1_024;
const FRAME = 64;

/**
 * Returns the row as it was at a time. Throws `EventRejected` for a time of which the versions are gone.
 */
export function versionAt({ since, list }: Versions, micros: bigint): string | undefined {
  if (since !== undefined && micros < since)
    throw new EventRejected(
      'late',
      `it is of ${timestamptzJson(micros)}, and the versions of the row that it meets are kept from ${timestamptzJson(since)} on: a longer RETENTION keeps them longer`,
    );
  return list.findLast((version) => version.micros <= micros)?.row;
}

/** Returns the row as it stands. */
export const latestRow = ({ list }: Versions): string | undefined => list.at(-1)?.row;

/** Writes versions as JSON, with each row as it came. */
export function saveVersions({ since, list }: Versions): string {
  const versions = list.map(({ micros, row }) => `{"time":"${timestamptzJson(micros)}","row":${row ?? 'null'}}`);
  return `{"since":${since === undefined ? 'null' : `"${timestamptzJson(since)}"`},"versions":[${versions.join(',')}]}`;
}

export function loadVersions(text: string): Versions {
  const of = membersIn(Buffer.from(text));
  const [since, versions] = [of('since'), Buffer.from(of('versions'))];
  const list = elementRanges(versions).map((range): Version => {
    const member = membersIn(versions.subarray(range.start, range.end));
    const row = member('row');
    return { micros: timeOf(member('time')), row: row === 'null' ? undefined : row };
  });
  return { since: since === 'null' ? undefined : timeOf(since), list };
}

const timeOf = (json: string): bigint => timestamptzFromText(JSON.parse(json) as string);

/** Returns a function that reads the text of a member. */
function membersIn(object: Uint8Array): (name: string) => string {
  const members = memberRanges(object);
  return (name) => {
    const range = members.get(name);
    if (range === undefined) throw new Error(`the versions of a row have no ${name}`);
    return textOf(object, range);
  };
}
