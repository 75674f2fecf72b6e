import { type Bucket, compareKeys, type StoredObject } from './buckets.ts';
import { S3Failure } from './failure.ts';
import { element, escaped } from './xml.ts';

const MOST_KEYS = 1_000;

/** Answers ListObjectsV2, and ListObjects for clients that do not say `list-type=2`. */
export function listObjects(bucket: Bucket, query: URLSearchParams): string {
  const version2 = query.get('list-type') === '2';
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
  const token = query.get('continuation-token');
  const after = version2 ? (query.get('start-after') ?? '') : (query.get('marker') ?? '');
  const most = mostKeys(query.get('max-keys'));
  const { objects, prefixes, next } = page(bucket, { prefix, delimiter, most, after: token ? keyOf(token) : after });
  const name = query.get('encoding-type') === 'url' ? (key: string) => escaped(urlEncoded(key)) : escaped;
  return element('ListBucketResult', [
    element('Name', escaped(bucket.name)),
    element('Prefix', name(prefix)),
    element('MaxKeys', `${most}`),
    ...(delimiter === '' ? [] : [element('Delimiter', name(delimiter))]),
    ...(query.get('encoding-type') === 'url' ? [element('EncodingType', 'url')] : []),
    element('IsTruncated', `${next !== undefined}`),
    ...(version2 ? [element('KeyCount', `${objects.length + prefixes.length}`)] : [element('Marker', name(after))]),
    ...(version2 && token !== null ? [element('ContinuationToken', escaped(token))] : []),
    ...(next === undefined
      ? []
      : [version2 ? element('NextContinuationToken', tokenOf(next)) : element('NextMarker', name(next))]),
    ...objects.map((object) => contents(object, name)),
    ...prefixes.map((common) => element('CommonPrefixes', [element('Prefix', name(common))])),
  ]);
}

interface Page {
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  /** The last key or prefix of this page, when something follows. */
  readonly next: string | undefined;
}

function page(
  bucket: Bucket,
  { prefix, delimiter, most, after }: { prefix: string; delimiter: string; most: number; after: string },
): Page {
  const objects: StoredObject[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  for (const key of keysAfter(bucket.keys(), after)) {
    if (!key.startsWith(prefix) || isBelow(key, after, delimiter)) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const common = end < 0 ? undefined : key.slice(0, end + delimiter.length);
    if (common !== undefined && common === prefixes.at(-1)) continue;
    if (objects.length + prefixes.length === most) return { objects, prefixes, next: last };
    if (common === undefined) objects.push(bucket.get(key) as StoredObject);
    else prefixes.push(common);
    last = common ?? key;
  }
  return { objects, prefixes, next: undefined };
}

function* keysAfter(keys: readonly string[], after: string): Iterable<string> {
  let [from, to] = [0, after === '' ? 0 : keys.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compareKeys(keys[middle] as string, after) > 0) to = middle;
    else from = middle + 1;
  }
  for (let index = from; index < keys.length; index++) yield keys[index] as string;
}

/** Keys below a common prefix that was listed already are not listed again. */
function isBelow(key: string, after: string, delimiter: string): boolean {
  return delimiter !== '' && after.endsWith(delimiter) && key.startsWith(after);
}

function contents(object: StoredObject, name: (key: string) => string): string {
  return element('Contents', [
    element('Key', name(object.key)),
    element('LastModified', object.modified.toISOString()),
    element('ETag', escaped(object.etag)),
    element('Size', `${object.size}`),
    element('StorageClass', 'STANDARD'),
  ]);
}

function mostKeys(given: string | null): number {
  const most = given === null ? MOST_KEYS : Number(given);
  if (!Number.isInteger(most) || most < 0)
    throw new S3Failure(400, 'InvalidArgument', `max-keys is '${given}': use a whole number from 0 on`);
  return Math.min(most, MOST_KEYS);
}

const tokenOf = (key: string): string => Buffer.from(key).toString('base64url');
const keyOf = (token: string): string => Buffer.from(token, 'base64url').toString();
const urlEncoded = (key: string): string => encodeURIComponent(key).replaceAll('%2F', '/');
