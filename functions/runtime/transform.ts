import type { z } from 'zod';
import { blamed, check } from './blame.ts';
import { EventRejected, UserMistake } from './errors.ts';
import { type Event, keyFault, type ReceivedEvent } from './event.ts';
import { isTimestamp } from './json/timestamp.ts';

/**
 * An output that `apply` makes of an event. `key` (1 to 256 characters) and `time` (RFC 3339) default to those of the
 * input.
 */
export interface Derived<O> {
  /** In the past tense: `order.placed`. */
  readonly type: string;
  readonly key?: string;
  readonly time?: string;
  readonly data: O;
}

/** An output as the runtime takes it: checked, and already JSON. */
export interface Output {
  readonly type: string;
  readonly key: string;
  readonly time: string;
  readonly dataBytes: Uint8Array;
}

/** A transform as a pipeline names it and the runtime runs it. `W` and `O` are wire types: what travels as JSON. */
export interface Transform<in W = never, out O = unknown> {
  /** The URL of the module that exports `handler`: `import.meta.url` there. */
  readonly entry: string;
  readonly from: z.ZodType;
  readonly to: z.ZodType<unknown, O>;
  /** The fields of the data that it looks at, where not all of `from`: of compiled SQL. */
  readonly reads?: readonly string[];
  /** Set where a module has several steps: which one this is. */
  readonly options?: unknown;
  /**
   * Set where events are rejected that come later than this after their time, or are dated ahead of their arrival: by
   * the step before a join of two streams.
   */
  readonly graceMillis?: number | undefined;
  /** Set when its outputs are promised at least once, not once: see `defineTransform`. */
  readonly deterministic?: false;
  /**
   * Never set. Carries the type only. With the type of the schema itself, a transform could read fields that its stream
   * does not carry.
   */
  readonly accepts?: (data: W) => void;
  /**
   * Makes the outputs of an event. Pure. Throws `EventRejected` for an event that does not fit or cannot be
   * transformed.
   */
  run(event: ReceivedEvent): readonly Output[];
}

/**
 * Makes a transform of a pure function. `apply` uses no wall clock and no randomness; its time is the event's time. The
 * runtime may call it again with the same event, and must get the same outputs.
 *
 * `apply` is not async, so it can ask no other system: events of the same key would wait behind each answer, and an
 * outage would make dead letters of good events. Let a sink write down the questions instead, and bring the answers in
 * with a source: docs/transforms.md shows how.
 *
 * The event becomes a dead letter, and none of its outputs is sent, when its data does not fit `from`, when `apply`
 * throws, or when an output does not fit `to`.
 *
 * A transform that cannot be pure, because it needs the time of day or a random number, says `deterministic: false`.
 * Called again with an event, it may make other outputs, or outputs with other keys. If these had sequences, a
 * reader could drop one of them as a duplicate of an earlier output, and it would be lost. So its outputs carry no
 * sequence, and readers take each of them as often as it comes: at least once.
 */
export function defineTransform<I, W, const O>(definition: {
  readonly entry: string;
  readonly from: z.ZodType<I, W>;
  readonly to: z.ZodType<unknown, O>;
  /** Set to `false` when `apply` is not pure. Left out: it is pure. */
  readonly deterministic?: false;
  /**
   * Makes the outputs of an event, in order. `event.data` is what `from` parsed. Return no output to drop the event.
   * Return the event itself to pass it on as it came, neither changed nor serialised again. Throw any error to make the
   * event a dead letter.
   */
  apply(event: Event<I>): readonly Derived<O>[];
}): Transform<W, O> {
  const { entry, from, to, apply, deterministic } = definition;
  if (Object.prototype.toString.call(apply) === '[object AsyncFunction]') throw new UserMistake(NOT_ASYNC);

  function outputOf(given: Event<I>, derived: Derived<O>, dataBytes: Uint8Array): Output {
    check(to, derived.data, 'the output');
    const { type, key = given.key, time = given.time, data } = derived;
    if ((derived as unknown) === given) return { type, key, time, dataBytes };
    const wrong = wrongAttribute({ type, key, time }, given);
    if (wrong !== undefined) throw new EventRejected('transform', `the output's ${wrong}`);
    const json = JSON.stringify(data) as string | undefined;
    if (json === undefined)
      throw new EventRejected('transform', `the output's data is ${typeof data}, which is not JSON`);
    return { type, key, time, dataBytes: Buffer.from(json) };
  }

  return {
    entry,
    from,
    to,
    ...(deterministic === undefined ? {} : { deterministic }),
    run(event) {
      const { id, source, type, time, key, sequence, traceparent, dataBytes } = event;
      const given = { id, source, type, time, key, sequence, traceparent, data: check(from, event.data, 'the input') };
      const made = blamed('apply', () => apply(given));
      if (!Array.isArray(made)) throw noList(made);
      return blamed('the output', () => made.map((derived) => outputOf(given, derived, dataBytes)));
    },
  };
}

/** Explains what code without types may return. */
function noList(made: unknown): EventRejected {
  if (!(made instanceof Promise))
    return new EventRejected(
      'transform',
      `apply returned ${made === null ? 'null' : typeof made}, not a list of outputs`,
    );
  // Nobody waits for it: without a handler, its failure would end the process.
  made.catch(() => undefined);
  return new EventRejected('transform', NOT_ASYNC);
}

const NOT_ASYNC = 'apply is async, and a transform waits for nobody: docs/transforms.md shows what to do instead';

/**
 * Finds what is wrong with the attributes of an output. Readers would reject such an event, so it is rejected here,
 * before it is in the log. Returns undefined when nothing is wrong.
 */
function wrongAttribute({ type, key, time }: Omit<Output, 'dataBytes'>, given: Event): string | undefined {
  if (typeof type !== 'string' || type === '' || !type.isWellFormed())
    return 'type is not a text of one character or more';
  if (key !== given.key) {
    if (typeof key !== 'string') return `key is ${typeof key}, not a text`;
    const fault = keyFault(key);
    if (fault !== undefined) return `key ${fault.message}`;
  }
  if (time !== given.time && (typeof time !== 'string' || !isTimestamp(time))) return 'time is not an RFC 3339 time';
  return undefined;
}
