import { isEndpoint } from '../../../functions/clients/endpoint.ts';
import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { SinkName } from '../../connectors.ts';
import { parsePosition } from '../../operation/control/move-request.ts';
import { AFRESH } from '../../operation/control/refuse-move.ts';
import { type ReplayRequest, replayInto } from '../../operation/control/replay.ts';
import type { Target } from '../../operation/target.ts';
import type { ReaderPlan, SinkPlan } from '../../pipelines/plan.ts';
import { print } from '../../terminal.ts';
import type { CommandInvocation } from '../command.ts';
import { counted } from '../reports/counted.ts';
import type { FoundTarget } from '../target/open-target.ts';
import { withProgress } from './with-progress.ts';

/** A range of a stream and its destination, as the operator typed them. */
export interface TypedRange {
  readonly from: string;
  readonly to: string;
  readonly into: string;
}

/**
 * Writes a range of a sink's input into a new table or prefix, with progress. The sink's own position does not change.
 * Resolves to the exit code.
 */
export async function replayStep(
  step: ReaderPlan,
  { target, title }: FoundTarget,
  { range, invocation }: { readonly range: TypedRange; readonly invocation: CommandInvocation },
): Promise<number> {
  const { signal, values } = invocation;
  const name = `${step.pipeline}/${step.name}`;
  if (step.kind === 'transform')
    throw new UserMistake(
      `${name} is a transform, which writes to a stream and not to a table or prefix; move it (millrace positions ${step.pipeline} ${step.name} --to ${range.from}), or replay a sink that reads its output`,
    );
  if (step.kind === 'table') throw new UserMistake(`${name} is a table, and only sinks are replayed; ${AFRESH}`);
  const request = requestOf(step, range);
  const { outcome, events } = await withProgress(name, signal, (options) =>
    replayInto(step, target, { request, ...options }),
  );
  if (outcome !== 'done') return 1;
  const into = destinationOf(step, target, request.into);
  if (values.json === true) print(JSON.stringify({ step: name, ...into, done: true, events }));
  else
    print(
      `${counted(events, 'event')} from ${range.from} to ${range.to} replayed into ${destinationText(into)}; the position of ${name} is unchanged (${title})`,
    );
  return 0;
}

function requestOf(step: SinkPlan, { from, to, into }: TypedRange): ReplayRequest {
  const nowMillis = Date.now();
  const end = parsePosition(to, nowMillis);
  if (end === 'earliest' || !('millis' in end))
    throw new UserMistake(`invalid end '${to}'; use a time (2026-01-31T23:59:00Z), how long ago (-15m), or latest`);
  const start = parsePosition(from, nowMillis);
  if (start !== 'earliest' && 'millis' in start && start.millis >= end.millis)
    throw new UserMistake(`the range from ${from} to ${to} is empty: its end must be after its start`);
  if (end.millis > nowMillis) throw new UserMistake(`${to} is in the future; use latest`);
  refuseBadDestination(step, into);
  return { from: start, toMillis: end.millis, into, said: `${from} ${to}` };
}

/** Rejects a name that the sink's own schema would reject, before its function is called. */
function refuseBadDestination({ connector }: SinkPlan, into: string): void {
  const { fits, what } = DESTINATIONS[connector];
  if (!fits(into)) throw new UserMistake(`'${into}' is not a valid ${what}`);
}

/** What a replay of each sink writes into. */
const DESTINATIONS: Readonly<Record<SinkName, { readonly fits: (into: string) => boolean; readonly what: string }>> = {
  s3: {
    fits: (into) => /^[\w.=-]+(\/[\w.=-]+)*$/.test(into),
    what: 'prefix: use letters, digits, ., =, - and _, in parts separated by /',
  },
  postgres: {
    fits: (into) => /^[^.\0]{1,63}(\.[^.\0]{1,63})?$/u.test(into),
    what: 'table: use a name, or schema.name, of at most 63 characters each',
  },
  dynamodb: {
    fits: (into) => /^(?!.*--)[\w.-]{1,100}$/.test(into),
    what: "name: use letters, digits and _ . -, without '--'",
  },
  iceberg: {
    fits: (into) => /^(?!.*__)[a-z0-9](?:[a-z0-9_]{0,48}[a-z0-9])?$/.test(into),
    what: 'name: use at most 50 of a-z, 0-9 and _, with no two _ in a row and none at its ends',
  },
  opensearch: {
    fits: (into) => /^(?!.*--)[a-z0-9_.-]{1,100}$/.test(into),
    what: "name: use small letters, digits and _ . -, without '--'",
  },
  webhook: { fits: isEndpoint, what: 'url: use one of https, without a user, a password or a #' },
};

type Destination =
  | { readonly table: string }
  | { readonly url: string }
  | { readonly index: string }
  | { readonly bucket: string; readonly prefix: string };

function destinationOf({ connector, options }: SinkPlan, { names }: Target, into: string): Destination {
  if (connector === 'webhook') return { url: into };
  if (connector === 'opensearch')
    return { index: `${names.tablePrefix}${(options as { readonly index: string }).index}--${into}` };
  if (connector === 'dynamodb')
    return { table: `${names.tablePrefix}${(options as { readonly table: string }).table}--${into}` };
  if (connector === 'iceberg') return { table: `${(options as { readonly table: string }).table}__${into}` };
  if (connector !== 's3') return { table: into };
  return { bucket: names.lake, prefix: `replays/${(options as { readonly prefix: string }).prefix}/${into}/` };
}

function destinationText(destination: Destination): string {
  if ('url' in destination) return new URL(destination.url).origin;
  if ('index' in destination) return `index ${destination.index}`;
  return 'table' in destination ? `table ${destination.table}` : `the lake below ${destination.prefix}`;
}
