import { z } from 'zod';
import { UserMistake } from '../../runtime/errors.ts';
import { generationAfter } from '../../runtime/versions/version.ts';
import { ATTEMPTS, ask, pauseBefore, type SearchServer } from './ask.ts';
import { bulk, type Outcome, reasonIn } from './bulk.ts';
import { DELETED, IndexMapping, mappingOf, misfitOf, OWNER } from './mapping.ts';
import type { SearchField } from './search-field.ts';

/** The index that a step writes, and who writes it. */
export interface StepIndex {
  readonly server: SearchServer;
  readonly index: string;
  /** `<pipeline>/<step>`. */
  readonly step: string;
  readonly formerly: string | undefined;
  readonly create: boolean;
  readonly fields: readonly SearchField[];
}

/**
 * The id of the sink's own document: it names the step that the index belongs to, and its version is the highest
 * generation, plus one. Reads leave it out as they do a tombstone.
 */
export const OWN_DOCUMENT = 'millrace-step';

/**
 * Makes sure that the index is there, is the step's, and takes what the stream's schema declares. Throws a
 * `UserMistake` otherwise: versions of two steps do not compare.
 */
export async function openIndex(of: StepIndex, signal: AbortSignal): Promise<void> {
  if (!(await checkIndex(of, signal))) {
    if (!of.create) throw new UserMistake(`${nameOf(of)} is missing: make it, or leave 'create' on`);
    await createIndex(of, signal);
    await checkIndex(of, signal);
  }
  for (let attempt = 1; ; attempt++) {
    const own = await ownDocument(of, signal);
    if (own !== undefined) return refuseOther(of, own.owner);
    if ((await writeOwn(of, 0, signal)) === 'stored') return;
    // Another process has written it, and a serverless collection shows it some seconds later.
    await pauseBefore(attempt, of.server, signal);
  }
}

/**
 * Resolves to false when the index is missing. Throws a `UserMistake` when it has other types than the stream's schema
 * declares.
 */
export async function checkIndex(of: StepIndex, signal: AbortSignal): Promise<boolean> {
  const { server, index, fields } = of;
  const { status, json } = await ask(server, { method: 'GET', path: `/${index}/_mapping` }, signal);
  if (status === 404) return false;
  const mappings = Object.values(parsed(Mappings, json, of));
  const [first] = mappings;
  if (first === undefined || mappings.length > 1)
    throw new UserMistake(`${nameOf(of)} stands for ${mappings.length} indices: let the alias name one`);
  const misfit = misfitOf(fields, first.mappings);
  if (misfit === undefined) return true;
  throw new UserMistake(
    `${nameOf(of)} ${misfit}: write into an index of such types, or leave it to the sink to make one`,
  );
}

const Mappings = z.record(z.string(), z.object({ mappings: IndexMapping }));

async function createIndex(of: StepIndex, signal: AbortSignal): Promise<void> {
  const { server, index, fields } = of;
  const question = { method: 'PUT', path: `/${index}`, json: { mappings: mappingOf(fields) } } as const;
  const { status, json } = await ask(server, question, signal);
  // Another process may have made it meanwhile.
  if (status < 300 || reasonIn(json) === 'resource_already_exists_exception') return;
  throw new UserMistake(`${nameOf(of)} could not be made: the server answered ${status}, ${reasonIn(json)}`);
}

interface OwnDocument {
  readonly owner: string | undefined;
  readonly generation: number;
}

const Own = z.object({ _version: z.int().min(1), _source: z.object({ [OWNER]: z.string().optional() }) });

async function ownDocument(of: StepIndex, signal: AbortSignal): Promise<OwnDocument | undefined> {
  const { server, index } = of;
  const { status, json } = await ask(server, { method: 'GET', path: `/${index}/_doc/${OWN_DOCUMENT}` }, signal);
  if (status === 404) return undefined;
  const { _version, _source } = parsed(Own, json, of);
  return { owner: _source[OWNER], generation: _version - 1 };
}

function refuseOther(of: StepIndex, owner: string | undefined): void {
  if (owner === of.step || (owner !== undefined && owner === of.formerly)) return;
  throw new UserMistake(
    `${nameOf(of)} belongs to the step ${owner}, and the versions of two steps do not compare: give ${of.step} an index of its own`,
  );
}

/** Resolves to the highest generation that the index knows. */
export async function highestGeneration(of: StepIndex, signal: AbortSignal): Promise<number> {
  return (await ownDocument(of, signal))?.generation ?? 0;
}

/** Stores the generation after the highest one that is known, and resolves to it. */
export async function nextGeneration(of: StepIndex, above: number, signal: AbortSignal): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const own = await ownDocument(of, signal);
    const next = generationAfter(Math.max(own?.generation ?? 0, above), nameOf(of));
    if ((await writeOwn(of, next, signal)) === 'stored') return next;
    // Another invocation has taken it.
    await pauseBefore(attempt, of.server, signal);
  }
}

/** Resolves to `lost` where the index has this generation already. */
async function writeOwn(of: StepIndex, generation: number, signal: AbortSignal): Promise<'stored' | 'lost'> {
  const { server, index, step } = of;
  const source = Buffer.from(JSON.stringify({ [OWNER]: step, [DELETED]: true }));
  const write = { id: OWN_DOCUMENT, version: BigInt(generation + 1), source };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const outcomes = await bulk(server, { index, writes: [write] }, signal);
    const [outcome] = outcomes as readonly [Outcome];
    if (outcome.kind === 'stored' || outcome.kind === 'lost') return outcome.kind;
    if (outcome.kind === 'refused')
      throw new UserMistake(`${nameOf(of)} does not take the sink's own document: ${outcome.message}`);
    await pauseBefore(attempt, server, signal);
  }
  throw new Error(`${server.endpoint} has no time for a document of ${index} (attempt ${ATTEMPTS})`);
}

/** Resolves to true when the index is missing, or has no document but the sink's own. */
export async function isEmpty(of: StepIndex, signal: AbortSignal): Promise<boolean> {
  const { server, index } = of;
  if (!(await checkIndex(of, signal))) return true;
  // What was written becomes visible with it. A serverless collection has no such request, and answers 404.
  await ask(server, { method: 'POST', path: `/${index}/_refresh` }, signal);
  const others = { query: { bool: { must_not: [{ ids: { values: [OWN_DOCUMENT] } }] } } };
  const { json } = await ask(server, { method: 'POST', path: `/${index}/_count`, json: others }, signal);
  return parsed(Count, json, of).count === 0;
}

const Count = z.object({ count: z.int() });

function parsed<T>(schema: z.ZodType<T>, json: unknown, of: StepIndex): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new Error(`${of.server.endpoint} answered about ${nameOf(of)} with what OpenSearch does not answer`);
}

function nameOf({ index }: StepIndex): string {
  return `the index ${index}`;
}
