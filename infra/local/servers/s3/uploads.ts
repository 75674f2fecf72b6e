import { createHash, randomUUID } from 'node:crypto';
import type { Body } from './bodies.ts';
import type { StoredObject } from './buckets.ts';
import { S3Failure } from './failure.ts';
import { textsOf } from './xml.ts';

/** Multipart uploads that are not complete yet. */
export interface Uploads {
  begin(object: Pick<StoredObject, 'key' | 'headers'>): string;
  /** Keeps a part in place of the one with the same number. When this throws, the body is dropped. */
  add(id: string, part: { readonly number: number; readonly body: Body }): void;
  /** Makes the object of the parts that the request's XML lists. */
  complete(id: string, xml: string): StoredObject;
  abort(id: string): void;
  abortAll(): void;
}

interface Upload {
  readonly object: Pick<StoredObject, 'key' | 'headers'>;
  readonly parts: Map<number, Body>;
}

/** S3's limits. */
const [LEAST_PART_BYTES, MOST_PARTS] = [5 * 1024 * 1024, 10_000];

export function createUploads(): Uploads {
  const uploads = new Map<string, Upload>();
  const find = (id: string): Upload => {
    const upload = uploads.get(id);
    if (upload === undefined) throw new S3Failure(404, 'NoSuchUpload', `there is no upload '${id}'`);
    return upload;
  };
  const abort = (id: string): void => {
    for (const body of find(id).parts.values()) body.drop();
    uploads.delete(id);
  };
  return {
    begin(object) {
      const id = randomUUID();
      uploads.set(id, { object, parts: new Map() });
      return id;
    },
    add(id, { number, body }) {
      const upload = uploads.get(id);
      if (upload === undefined || !Number.isInteger(number) || number < 1 || number > MOST_PARTS) {
        body.drop();
        find(id);
        throw new S3Failure(400, 'InvalidArgument', `partNumber is '${number}': use one from 1 to ${MOST_PARTS}`);
      }
      upload.parts.get(number)?.drop();
      upload.parts.set(number, body);
    },
    complete(id, xml) {
      const { object, parts } = find(id);
      const chosen = chosenParts(parts, xml);
      uploads.delete(id);
      for (const body of parts.values()) if (!chosen.includes(body)) body.drop();
      const md5 = createHash('md5').update(Buffer.concat(chosen.map((body) => body.md5)));
      return {
        key: object.key,
        headers: object.headers,
        bodies: chosen,
        size: chosen.reduce((sum, { size }) => sum + size, 0),
        etag: `"${md5.digest('hex')}-${chosen.length}"`,
        modified: new Date(),
      };
    },
    abort,
    abortAll: () => [...uploads.keys()].forEach(abort),
  };
}

function chosenParts(parts: ReadonlyMap<number, Body>, xml: string): readonly Body[] {
  const numbers = textsOf(xml, 'PartNumber').map(Number);
  const etags = textsOf(xml, 'ETag').map((etag) => etag.replaceAll('"', ''));
  if (numbers.length === 0 || numbers.length !== etags.length)
    throw new S3Failure(400, 'MalformedXML', 'the request lists no parts, or parts without their ETag');
  return numbers.map((number, index) => {
    const body = parts.get(number);
    if (index > 0 && number <= (numbers[index - 1] as number))
      throw new S3Failure(400, 'InvalidPartOrder', 'the parts are not listed in the order of their numbers');
    if (body === undefined || body.md5.toString('hex') !== etags[index])
      throw new S3Failure(400, 'InvalidPart', `there is no part ${number} with the ETag ${etags[index]}`);
    if (index < numbers.length - 1 && body.size < LEAST_PART_BYTES)
      throw new S3Failure(400, 'EntityTooSmall', `part ${number} has ${body.size} bytes: S3 takes ${LEAST_PART_BYTES}`);
    return body;
  });
}
