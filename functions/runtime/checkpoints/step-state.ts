import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { REJECTION_REASONS } from '../errors.ts';
import type { Position } from '../position.ts';
import type { Rejection } from '../rejection.ts';
import { type Clock, decodeClock, encodeClock, StoredClock } from '../time/clock.ts';
import type { ForeignMarks } from './foreign-marks.ts';
import { copyMarks, type Mark, type MarkRange } from './marks.ts';
import { Rewind } from './rewind-state.ts';
import { nameOfRun, numberOfRun, type Run } from './runs.ts';

/**
 * The state of a step in one shard. It moves as a whole, by compare-and-set: in the checkpoint table, or together with
 * the rows of a sink that keeps its own progress. Its text is opaque to whoever stores it.
 */
export interface StepState {
  /** Undefined: nothing is read yet. */
  readonly position: Position | undefined;
  readonly marks: readonly MarkRange[];
  /** The runs of marks that are stored apart, the oldest first. The text contains only their names. */
  readonly runs?: readonly Run[] | undefined;
  /** Set for a stream that is idempotent. The text contains only the names of the pages. */
  readonly foreign?: ForeignMarks | undefined;
  /** Rejections that are committed together with a sink's rows, and may not be in the dead-letter bucket yet. */
  readonly rejections: readonly Rejection[];
  /** The range and the options that a scheduled step was about to write. A rerun finishes with exactly these. */
  readonly intent?: Intent | undefined;
  /** True when the shard is closed and read to its end. */
  readonly ended?: boolean | undefined;
  /** The number of the last rewind of the step that has reached this shard. */
  readonly rewinds?: number | undefined;
  /**
   * The number of the last rewind that went back. Output that a transform has made since then is of a new generation.
   */
  readonly generation?: number | undefined;
  /** Set while the shard is being rewound. */
  readonly rewind?: Rewind | undefined;
  /**
   * The arrival time of the position's record. No later record is older, so this tells whether Lambda may have
   * discarded one since (gaps.ts).
   */
  readonly arrivedMillis?: number | undefined;
  /** The shard's watermarks, of a step that keeps windows or passes ticks on. */
  readonly clock?: Clock | undefined;
  /**
   * The position before the first record that was read, of a step whose data may have to be made again: from here on
   * (rebuild/).
   */
  readonly began?: Position | undefined;
  /**
   * The time at which the state was last moved, by the clock. For people; it also tells how long a step stood still
   * (delivery/trimmed-range.ts). What is processed never depends on it.
   */
  readonly movedMillis?: number | undefined;
  /** How far the shard's events are numbered, of a step that writes by version (versions/). */
  readonly numbering?: Numbering | undefined;
}

/** Where the numbering of a shard's events is. */
export interface Numbering {
  readonly generation: number;
  /** The number of the last event that is numbered. */
  readonly ordinal: number;
  /** The code that has numbered it. Empty: that of a parent, whichever it was, or nobody knows which. */
  readonly code: string;
  /** The number of the last rewind by then. */
  readonly rewinds: number;
}

export interface Intent {
  readonly to: Position;
  readonly options: unknown;
}

/** The sequence of a mark, and the times at which its source was last seen and has ended. */
const StoredMark = z.tuple([z.string(), z.number().nullable(), z.number().optional()]);

const StoredRejections = z.array(
  z.object({
    at: z.string(),
    reason: z.enum(REJECTION_REASONS),
    message: z.string(),
    bytes: z.string(),
    origin: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    event: z.object({ id: z.string(), key: z.string(), time: z.string() }).optional(),
  }),
);

const Text = z.object({
  p: z.string().optional(),
  m: z.array(z.tuple([z.string(), z.string(), z.record(z.string(), z.union([z.string(), StoredMark]))])),
  /** Rejections, or the same as JSON, compressed with gzip and in base64. */
  r: z.union([StoredRejections, z.string()]).optional(),
  i: z.object({ to: z.string(), options: z.unknown() }).optional(),
  e: z.boolean().optional(),
  w: z.number().optional(),
  g: z.number().optional(),
  x: Rewind.optional(),
  f: z.array(z.tuple([z.number(), z.string()])).optional(),
  o: z.array(z.tuple([z.number(), z.string()])).optional(),
  a: z.number().optional(),
  c: StoredClock.optional(),
  b: z.string().optional(),
  t: z.number().optional(),
  v: z.object({ g: z.number(), n: z.number(), c: z.string(), w: z.number() }).optional(),
});

/** Encodes a state. Names are short because this text is written once a batch. Hash keys are hexadecimal. */
export function encodeState(state: StepState): string {
  const text: z.input<typeof Text> = {
    ...(state.position === undefined ? {} : { p: state.position }),
    m: state.marks.map(({ from, to, marks }) => [
      from.toString(16),
      to.toString(16),
      Object.fromEntries([...marks].map(([source, mark]) => [source, encodeMark(mark)])),
    ]),
    ...(state.rejections.length === 0 ? {} : { r: encodeRejections(state.rejections) }),
    ...(state.intent === undefined ? {} : { i: state.intent }),
    ...(state.ended === true ? { e: true } : {}),
    ...(state.rewinds === undefined ? {} : { w: state.rewinds }),
    ...(state.generation === undefined ? {} : { g: state.generation }),
    ...(state.rewind === undefined ? {} : { x: state.rewind }),
    // Marks that are not in pages yet were inherited, and will be inherited again.
    ...(state.foreign === undefined || state.foreign.changed.size > 0 ? {} : { f: [...state.foreign.versions] }),
    ...(state.runs === undefined || state.runs.length === 0
      ? {}
      : { o: state.runs.map((run) => [numberOfRun(run), run.version]) }),
    ...(state.arrivedMillis === undefined ? {} : { a: state.arrivedMillis }),
    ...(state.clock === undefined ? {} : { c: encodeClock(state.clock) }),
    ...(state.began === undefined ? {} : { b: state.began }),
    ...(state.movedMillis === undefined ? {} : { t: state.movedMillis }),
    ...(state.numbering === undefined ? {} : { v: encodeNumbering(state.numbering) }),
  };
  return JSON.stringify(text);
}

export function decodeState(text: string): StepState {
  const state = Text.parse(JSON.parse(text));
  return {
    position: state.p as Position | undefined,
    marks: state.m.map(([from, to, marks]) => ({
      from: BigInt(`0x${from}`),
      to: BigInt(`0x${to}`),
      marks: new Map(
        Object.entries(marks).map(([source, mark]) => [
          source,
          typeof mark === 'string' ? { sequence: mark } : decodeMark(mark),
        ]),
      ),
    })),
    rejections: decodeRejections(state.r),
    intent: state.i === undefined ? undefined : { to: state.i.to as Position, options: state.i.options },
    ended: state.e,
    rewinds: state.w,
    generation: state.g,
    rewind: state.x,
    foreign: state.f && { versions: new Map(state.f), marks: undefined, changed: new Set() },
    runs: state.o?.map(([number, version]) => ({ page: nameOfRun(number), version, marks: undefined })),
    arrivedMillis: state.a,
    clock: state.c && decodeClock(state.c),
    began: state.b as Position | undefined,
    movedMillis: state.t,
    numbering: state.v && { generation: state.v.g, ordinal: state.v.n, code: state.v.c, rewinds: state.v.w },
  };
}

function encodeNumbering({ generation, ordinal, code, rewinds }: Numbering): z.input<typeof Text>['v'] {
  return { g: generation, n: ordinal, c: code, w: rewinds };
}

/**
 * Returns the numbering with which a child of these shards begins: above each of them. Undefined: none is numbered.
 */
export function numberingAfter(parents: readonly (Numbering | undefined)[]): Numbering | undefined {
  const known = parents.filter((one) => one !== undefined);
  if (known.length === 0) return undefined;
  return {
    generation: Math.max(...known.map(({ generation }) => generation)),
    ordinal: Math.max(...known.map(({ ordinal }) => ordinal)),
    code: '',
    rewinds: Math.max(...known.map(({ rewinds }) => rewinds)),
  };
}

/** Encodes rejections, as a value of JSON. Compresses many: there may be as many as a portion has events. */
export function encodeRejections(rejections: readonly Rejection[]): z.input<typeof Text>['r'] {
  const stored = rejections.map((one) => ({ ...one, bytes: Buffer.from(one.bytes).toString('base64') }));
  if (stored.length < COMPRESSED_FROM) return stored;
  return gzipSync(JSON.stringify(stored), { level: 1 }).toString('base64');
}

/** Fewer rejections stay readable. */
const COMPRESSED_FROM = 20;

/** Reads what `encodeRejections` wrote. */
export function decodeRejections(stored: z.output<typeof Text>['r'] = []): readonly Rejection[] {
  const parsed =
    typeof stored === 'string'
      ? StoredRejections.parse(JSON.parse(gunzipSync(Buffer.from(stored, 'base64')).toString()))
      : stored;
  return parsed.map(({ origin, event, ...rejection }) => ({
    ...rejection,
    bytes: Buffer.from(rejection.bytes, 'base64'),
    ...(origin === undefined ? {} : { origin }),
    ...(event === undefined ? {} : { event }),
  }));
}

/** Almost every mark is its sequence alone. */
function encodeMark({ sequence, seenMillis, endedMillis }: Mark): string | z.input<typeof StoredMark> {
  if (endedMillis !== undefined) return [sequence, seenMillis ?? null, endedMillis];
  return seenMillis === undefined ? sequence : [sequence, seenMillis];
}

function decodeMark([sequence, seenMillis, endedMillis]: z.infer<typeof StoredMark>): Mark {
  return {
    sequence,
    ...(seenMillis === null ? {} : { seenMillis }),
    ...(endedMillis === undefined ? {} : { endedMillis }),
  };
}

/** Copies a state. The marks of the copy may be moved; the original stays as it was committed. */
export function copyState(state: StepState): StepState {
  return { ...state, marks: copyMarks(state.marks) };
}
