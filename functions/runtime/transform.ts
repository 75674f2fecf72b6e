import { z } from 'zod';
import { EventRejected } from './errors.ts';
import { type Event, keyFault, type ReceivedEvent } from './event.ts';
import { isTimestamp } from './json/timestamp.ts';

/** What `apply` makes of an event. `key` (1 to 256 characters) and `time` (RFC 3339) default to the input's. */
export interface Derived<O> {
  /** Past tense: `order.placed`. */
  readonly type: string;
  readonly key?: string;
  readonly time?: string;
  readonly data: O;
}

/** An output as the engine takes it: checked, and already JSON. */
export interface Output {
  readonly type: string;
  readonly key: string;
  readonly time: string;
  readonly dataBytes: Uint8Array;
}

/** A transform as a pipeline names it and the engine runs it. `W` and `O` are wire types: what travels as JSON. */
export interface Transform<in W = never, out O = unknown> {
  /** The module that exports `handler`: `import.meta.url` there. */
  readonly entry: string;
  readonly from: z.ZodType;
  readonly to: z.ZodType<unknown, O>;
  /** Its outputs are promised at least once, not once: see `defineTransform`. */
  readonly deterministic?: false;
  /**
   * Never there: carries the type only. A schema's own type would let a transform read fields that its stream does not
   * carry.
   */
  readonly accepts?: (data: W) => void;
  /** Pure. Throws `EventRejected` for an event that does not fit or cannot be transformed. */
  run(event: ReceivedEvent): readonly Output[];
}

/**
 * Makes a transform of a pure function: no wall clock, no randomness, no call to the outside; time is the event's time.
 * An event may be given to it again, and must give the same then.
 *
 * An input that does not fit `from`, an `apply` that throws and an output that does not fit `to` each make the event a
 * dead letter, with nothing of its output sent.
 *
 * One that cannot be pure (it takes the time of day, or asks somebody) says `deterministic: false`. Given an event
 * again, it may make other outputs, or for other keys. Readers must then not drop them for those of the time before: a
 * later event's output, dropped for an earlier one's mark, would be lost. So they carry no sequence, and every reader
 * takes them as often as they come: at least once.
 */
export function defineTransform<I, W, const O>(definition: {
  readonly entry: string;
  readonly from: z.ZodType<I, W>;
  readonly to: z.ZodType<unknown, O>;
  /** Pure when not given. */
  readonly deterministic?: false;
  /**
   * Gets the data as `from` parses it. Gives the outputs in order: none drops the event; the event itself passes it on
   * as it came, neither changed nor serialised again.
   */
  apply(event: Event<I>): readonly Derived<O>[];
}): Transform<W, O> {
  const { entry, from, to, apply, deterministic } = definition;

  function outputOf(given: Event<I>, derived: Derived<O>, dataBytes: Uint8Array): Output {
    check(to, derived.data, 'the output');
    const { type, key = given.key, time = given.time, data } = derived;
    if ((derived as unknown) === given) return { type, key, time, dataBytes };
    const wrong = wrongAttribute({ type, key, time }, given);
    if (wrong !== undefined) throw new EventRejected('transform', `the output's ${wrong}`);
    const json = JSON.stringify(data) as string | undefined;
    if (json === undefined)
      throw new EventRejected('transform', `the output's data is ${typeof data}, which is no JSON`);
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
      return blamed('the output', () => made.map((derived) => outputOf(given, derived, dataBytes)));
    },
  };
}

/** An event that readers could not take, once it is in the log, is refused before it. Undefined when all is well. */
function wrongAttribute({ type, key, time }: Omit<Output, 'dataBytes'>, given: Event): string | undefined {
  if (typeof type !== 'string' || type === '' || !type.isWellFormed()) return 'type is no text';
  if (key !== given.key) {
    if (typeof key !== 'string') return `key is ${typeof key}, not a text`;
    const fault = keyFault(key);
    if (fault !== undefined) return `key ${fault.message}`;
  }
  if (time !== given.time && (typeof time !== 'string' || !isTimestamp(time))) return 'time is no RFC 3339 time';
  return undefined;
}

/** A schema's own code, a refinement or a transform, may throw as well as answer. */
function check<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const parsed = blamed(`the schema of ${what}`, () => schema.safeParse(data));
  if (parsed.success) return parsed.data;
  throw new EventRejected('schema', `${what} does not fit its schema: ${issuesOf(parsed.error)}`);
}

function issuesOf({ issues }: z.core.$ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`).join('; ');
}

/** All of it is pure: what it throws is the event's fault, for trying again cannot help. */
function blamed<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof EventRejected) throw error;
    if (error instanceof z.core.$ZodError)
      throw new EventRejected('schema', `the data does not fit: ${issuesOf(error)}`);
    throw new EventRejected(
      'transform',
      `${what} threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    );
  }
}
