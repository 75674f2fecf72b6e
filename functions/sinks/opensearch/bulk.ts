import { z } from 'zod';
import { type Answer, ask, type SearchServer } from './ask.ts';

/** One document to write. */
export interface BulkWrite {
  readonly id: string;
  /** It wins only where its version is higher than the stored one. Undefined: only where nothing is stored. */
  readonly version: bigint | undefined;
  /** JSON on one line. */
  readonly source: Uint8Array;
}

/**
 * What became of a write.
 * - `stored`: it is in the index.
 * - `lost`: a document of a version that is not lower is there.
 * - `again`: the server had no time for it.
 * - `refused`: the index will never take it.
 */
export type Outcome =
  | { readonly kind: 'stored' | 'lost' | 'again' }
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Writes documents with one request, and resolves to what became of each. Resolves to `too large` when the server takes
 * no request of this size. Throws when the server refuses the request as a whole, or a document for a reason that is
 * not in the document.
 */
export async function bulk(
  server: SearchServer,
  { index, writes }: { readonly index: string; readonly writes: readonly BulkWrite[] },
  signal: AbortSignal,
): Promise<readonly Outcome[] | 'too large'> {
  const answer = await ask(server, { method: 'POST', path: `/${index}/_bulk`, lines: linesOf(writes) }, signal);
  if (answer.status === 413) return 'too large';
  const results = resultsIn(server, answer);
  if (results.length !== writes.length)
    throw new Error(`${server.endpoint} answered for ${results.length} of ${writes.length} documents`);
  return results.map((result) => outcomeOf(server, index, result));
}

const LINE_FEED = Buffer.from('\n');

function linesOf(writes: readonly BulkWrite[]): Uint8Array {
  return Buffer.concat(writes.flatMap((write) => [Buffer.from(actionOf(write)), LINE_FEED, write.source, LINE_FEED]));
}

/** The version is written as digits: a number of JavaScript would round it. */
function actionOf({ id, version }: BulkWrite): string {
  const named = `{"_id":${JSON.stringify(id)}`;
  return version === undefined
    ? `{"create":${named}}}`
    : `{"index":${named},"version":${version},"version_type":"external"}}`;
}

/** How many bytes a write has in a request. */
export function bytesOf({ id, source }: BulkWrite): number {
  return Buffer.byteLength(id) + source.length + ACTION_BYTES;
}

const ACTION_BYTES = 100;

const Result = z.object({
  status: z.int(),
  error: z
    .object({
      type: z.string(),
      reason: z.string().nullish(),
      caused_by: z.object({ reason: z.string().nullish() }).nullish(),
    })
    .optional(),
});
type Result = z.infer<typeof Result>;

/** Each item is an object with one member, called after the action. */
const Results = z.object({ items: z.array(z.record(z.string(), Result)) });

function resultsIn({ endpoint }: SearchServer, { status, json }: Answer): readonly Result[] {
  if (status >= 300) throw new Error(`${endpoint} answered ${status} to a bulk request: ${reasonIn(json)}`);
  const parsed = Results.safeParse(json);
  if (!parsed.success) throw new Error(`${endpoint} answered a bulk request with what is no list of results`);
  return parsed.data.items.flatMap((item) => Object.values(item));
}

function outcomeOf({ endpoint }: SearchServer, index: string, { status, error }: Result): Outcome {
  if (status < 300) return { kind: 'stored' };
  if (status === 409) return { kind: 'lost' };
  if (status === 429 || status >= 500) return { kind: 'again' };
  if (status !== 400) throw new Error(`${endpoint} answered ${status} for a document of ${index} (${error?.type})`);
  const reasons = [error?.reason, error?.caused_by?.reason].filter((reason) => reason);
  return { kind: 'refused', message: `OpenSearch refuses the document: ${error?.type}: ${reasons.join(': ')}` };
}

const Failure = z.object({ error: z.object({ type: z.string() }) });

/** The kind of an error, without its text, which may quote what was sent. */
export function reasonIn(json: unknown): string {
  const parsed = Failure.safeParse(json);
  return parsed.success ? parsed.data.error.type : 'it does not say why';
}
