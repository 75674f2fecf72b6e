import type { Body } from './bodies.ts';
import { S3Failure } from './failure.ts';

export interface StoredObject {
  readonly key: string;
  /** One body, or the parts of a multipart upload in order. */
  readonly bodies: readonly Body[];
  readonly size: number;
  /** With its quotes. */
  readonly etag: string;
  readonly modified: Date;
  /** The headers that came with the object and go out with it again, such as its content type. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Bucket {
  readonly name: string;
  readonly created: Date;
  get(key: string): StoredObject | undefined;
  /** Stores an object in place of the one with the same key. */
  put(object: StoredObject): void;
  remove(key: string): void;
  /** Returns all keys in S3's order, which is that of their bytes in UTF-8. */
  keys(): readonly string[];
}

export interface Buckets {
  /** Creates a bucket, unless it exists. */
  create(name: string): void;
  /** Throws an `S3Failure` when there is no such bucket. */
  find(name: string): Bucket;
  /** Throws an `S3Failure` when the bucket has objects. */
  remove(name: string): void;
  all(): readonly Bucket[];
}

export function createBuckets(): Buckets {
  const buckets = new Map<string, Bucket>();
  const find = (name: string): Bucket => {
    const bucket = buckets.get(name);
    if (bucket === undefined) throw new S3Failure(404, 'NoSuchBucket', `there is no bucket '${name}'`);
    return bucket;
  };
  return {
    create: (name) => {
      if (!buckets.has(name)) buckets.set(name, createBucket(name));
    },
    find,
    remove(name) {
      if (find(name).keys().length > 0)
        throw new S3Failure(409, 'BucketNotEmpty', `bucket '${name}' has objects; delete them first`);
      buckets.delete(name);
    },
    all: () => [...buckets.values()],
  };
}

function createBucket(name: string): Bucket {
  const objects = new Map<string, StoredObject>();
  let sorted: readonly string[] | undefined;
  const drop = (key: string): void => {
    for (const body of objects.get(key)?.bodies ?? []) body.drop();
  };
  return {
    name,
    created: new Date(),
    get: (key) => objects.get(key),
    put(object) {
      drop(object.key);
      if (!objects.has(object.key)) sorted = undefined;
      objects.set(object.key, object);
    },
    remove(key) {
      drop(key);
      objects.delete(key);
    },
    keys() {
      sorted ??= [...objects.keys()].sort(compareKeys);
      // Keys that were removed since stay in `sorted`: a command that lists and deletes by turns sorts once.
      if (sorted.length > objects.size) sorted = sorted.filter((key) => objects.has(key));
      return sorted;
    },
  };
}

/** Compares the bytes of keys in UTF-8. JavaScript compares UTF-16, whose surrogates come before U+E000, not after. */
export function compareKeys(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

const SURROGATE = /[\ud800-\udfff]/;
