import { UserMistake } from '../../functions/runtime/errors.ts';
import { type Connector, connectors } from '../connectors.ts';
import type { Pipeline } from '../pipelines/pipeline.ts';
import { doubtsOf } from './doubts.ts';
import { LOCK_FILE, readLock, type SchemaLock, unlockedStreams } from './lock.ts';
import { readersOf, streamName, streamsOf } from './readers.ts';
import { type Verdict, verdictOf } from './verdict.ts';
import { versionOf } from './version.ts';

/** What the check has to say of a stream. */
export interface SchemaFinding {
  /**
   * `unlocked`: the schema has no version in the lock file. `breaks`: a step would refuse events that the stream may
   * hold. `unsure`: nobody can tell. `waits`: functions of the version before wait for their deployment when they meet
   * an event of the new one. The first two stop a deployment.
   */
  readonly state: 'unlocked' | 'breaks' | 'unsure' | 'waits';
  /** `<pipeline>/<stream>`. */
  readonly stream: string;
  /** The version whose events are meant. */
  readonly version?: string;
  /** The step that reads them, `<pipeline>/<step>`. */
  readonly step?: string;
  readonly field?: string;
  readonly message: string;
  readonly fix?: string;
  /** The data of an event that the step refuses. */
  readonly example?: unknown;
}

/** Compares every step with every version of its stream that the lock has. */
export function checkSchemas(pipelines: readonly Pipeline[], lock: SchemaLock): readonly SchemaFinding[] {
  const unlocked = unlockedStreams(pipelines, lock).map(
    (stream): SchemaFinding => ({
      state: 'unlocked',
      stream,
      message: lock.has(stream) ? `its schema has changed, and ${LOCK_FILE} does not have it` : `${LOCK_FILE} lacks it`,
      fix: 'run millrace schema lock, and commit the file with the change',
    }),
  );
  return [
    ...unlocked,
    ...brokenReaders(pipelines, lock),
    ...sinkFaults(pipelines, lock),
    ...waitingReaders(pipelines, lock),
  ];
}

/** Throws a `UserMistake` that lists what must not be deployed. */
export async function refuseBrokenReaders(pipelines: readonly Pipeline[], root?: string): Promise<void> {
  const refused = checkSchemas(pipelines, await readLock(root)).filter(isRefused);
  if (refused.length > 0)
    throw new UserMistake(
      `schemas cannot be deployed:\n${refused.map((finding) => `  ${sentenceOf(finding)}`).join('\n')}`,
    );
}

export function isRefused({ state }: SchemaFinding): boolean {
  return state === 'unlocked' || state === 'breaks';
}

/** Says a finding in one line. */
export function sentenceOf({ stream, version, step, field, message, fix, example }: SchemaFinding): string {
  const where = [
    ...(step === undefined ? [] : [`step '${step}'`]),
    `stream '${stream}'`,
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(field === undefined ? [] : [`field '${field}'`]),
  ].join(', ');
  const such = example === undefined ? '' : `, such as ${shortened(JSON.stringify(example))}`;
  return `${where}: ${message}${such}${fix === undefined ? '' : `: ${fix}`}`;
}

const LONGEST_EXAMPLE = 300;

function shortened(text: string): string {
  return text.length <= LONGEST_EXAMPLE ? text : `${text.slice(0, LONGEST_EXAMPLE)}…`;
}

function brokenReaders(pipelines: readonly Pipeline[], lock: SchemaLock): readonly SchemaFinding[] {
  return readersOf(pipelines).flatMap(({ step, stream, schema, reads }) =>
    (lock.get(stream) ?? []).flatMap((version) => {
      const of = { stream, version: version.version, step };
      return findingOf(verdictOf(schema, version, reads), of);
    }),
  );
}

function findingOf(
  verdict: Verdict,
  of: Required<Pick<SchemaFinding, 'stream' | 'version' | 'step'>>,
): readonly SchemaFinding[] {
  if (verdict.kind === 'takes') return [];
  if (verdict.kind === 'unsure') {
    const message =
      verdict.because === 'code'
        ? 'the step checks it by code of its own, which nobody can compare'
        : 'nobody can tell whether the step takes every value of it';
    return [{ ...of, state: 'unsure', field: verdict.fields.join(', '), message }];
  }
  const { field, message, example } = verdict;
  return [
    {
      ...of,
      state: 'breaks',
      field,
      example,
      message: `the step refuses events of this version: ${message}`,
      fix: `let its schema take them (optional, nullable or wider), or give what is new another name; once no event of the version is left in the stream, run millrace schema lock --forget ${of.stream}`,
    },
  ];
}

/** Asks the sinks that have columns whether these hold the events of every version. */
function sinkFaults(pipelines: readonly Pipeline[], lock: SchemaLock): readonly SchemaFinding[] {
  return pipelines.flatMap((pipeline) =>
    Object.entries(pipeline.sinks).flatMap(([name, { from, write }]) => {
      const stream = streamName(pipeline, from);
      const declared = pipeline.streams[from];
      const connector: Connector = connectors[write.connector];
      if (declared === undefined || connector.kind !== 'sink') return [];
      const step = { options: write.options, schema: declared.schema, versions: lock.get(stream) };
      const faults = connector.columnFaults?.(step) ?? [];
      return faults.map(({ field, isCertain, message, fix }): SchemaFinding => {
        const state = isCertain ? 'breaks' : 'unsure';
        return { state, stream, step: `${pipeline.name}/${name}`, field, message, fix };
      });
    }),
  );
}

/** Finds the streams whose newest version an older one does not take: their readers come first. */
function waitingReaders(pipelines: readonly Pipeline[], lock: SchemaLock): readonly SchemaFinding[] {
  return streamsOf(pipelines).flatMap(({ name, schema }) => {
    const current = versionOf(schema);
    const before = (lock.get(name) ?? []).filter(({ version }) => version !== current.version).at(-1);
    const isTaken = before === undefined || doubtsOf(before.schema, current.schema).length === 0;
    if (isTaken) return [];
    const message = `functions that know only version ${before.version} may refuse it`;
    const fix = 'deploy the steps that read the stream before the programs of others that write it';
    return [{ state: 'waits', stream: name, version: current.version, message, fix }];
  });
}
