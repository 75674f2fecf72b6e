import type { z } from 'zod';
import { UserMistake } from '../../functions/runtime/errors.ts';
import type { Join, TableJoin } from '../../functions/runtime/join.ts';
import type { Table } from '../../functions/runtime/table.ts';
import type { Transform } from '../../functions/runtime/transform.ts';
import type { JoinStep, TableStep, TransformStep } from './steps.ts';

export type AnyJoinStep = JoinStep<Readonly<Record<string, string>>, Join<never> | TableJoin<never>, string>;

/** How wide an internal stream is, and how long it keeps events. */
export interface Width {
  readonly shards?: number;
  readonly capacity?: 'on-demand';
  readonly retentionDays?: number;
  readonly compression: 'zstd';
}

export interface InternalStream extends Width {
  readonly schema: z.ZodType;
}

/** What joins add to a pipeline. */
export interface Planned {
  readonly streams: Readonly<Record<string, InternalStream>>;
  readonly transforms: Readonly<Record<string, TransformStep<string, Transform, string>>>;
  readonly tables: Readonly<Record<string, TableStep<string, Table>>>;
}

/** A join whose steps are planned. */
export interface UnmadeJoin {
  /** The name of the join. */
  readonly join: string;
  readonly step: AnyJoinStep;
  /** The name of the stream that holds both sides. */
  readonly internal: string;
  readonly width: Width;
}

/** Plans the transform that re-keys an input into the stream that holds both sides. */
export function rekeyingOf(unmade: UnmadeJoin, input: string): readonly [string, Planned['transforms'][string]] {
  const { join, step, internal } = unmade;
  const transform = { from: inputOf(unmade, input), apply: step.apply.rekey(input), to: internal };
  return [`${join}-${input}`, { ...transform, ...readingOf(step), ...formerlyOf(step, `-${input}`) }];
}

/** Returns the stream of an input. */
export function inputOf({ join, step: { from } }: UnmadeJoin, input: string): string {
  const stream = from[input];
  if (stream !== undefined) return stream;
  throw new UserMistake(
    `join '${join}': its code reads '${input}', and from does not name it: write from: { ${input}: '<stream>' }`,
  );
}

/** How the steps that read the inputs of a join read them. */
export function readingOf({ start, fanOut }: AnyJoinStep): Pick<AnyJoinStep, 'start' | 'fanOut'> {
  return { ...(start === undefined ? {} : { start }), ...(fanOut === undefined ? {} : { fanOut }) };
}

/** Names the step that a part of a renamed join was. */
export function formerlyOf({ formerly }: AnyJoinStep, part = ''): Pick<AnyJoinStep, 'formerly'> {
  return formerly === undefined ? {} : { formerly: `${formerly}${part}` };
}
