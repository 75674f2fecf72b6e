import { z } from 'zod';
import { EventRefused } from './errors.ts';
import type { Event, ReceivedEvent } from './event.ts';

/** What `apply` makes of an event. `key` and `time` default to the input's. */
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
  /** Never there: carries the type only. A schema's own type would let a transform read fields that its stream does not carry. */
  readonly accepts?: (data: W) => void;
  /** Pure. Throws `EventRefused` for an event that does not fit or cannot be transformed. */
  run(event: ReceivedEvent): readonly Output[];
}

/**
 * Makes a transform of a pure function: no wall clock, no randomness, no call to the outside; time is the event's time. An event may
 * be given to it again, and must give the same then.
 *
 * An input that does not fit `from`, an `apply` that throws and an output that does not fit `to` each make the event a dead letter,
 * with nothing of its output sent.
 */
export function defineTransform<I, W, const O>(definition: {
  readonly entry: string;
  readonly from: z.ZodType<I, W>;
  readonly to: z.ZodType<unknown, O>;
  /**
   * Gets the data as `from` parses it. Gives the outputs in order: none drops the event; the event itself passes it on as it came,
   * neither changed nor serialised again.
   */
  apply(event: Event<I>): readonly Derived<O>[];
}): Transform<W, O> {
  const { entry, from, to, apply } = definition;

  function outputOf(given: Event<I>, derived: Derived<O>, dataBytes: Uint8Array): Output {
    check(to, derived.data, 'the output');
    return {
      type: derived.type,
      key: derived.key ?? given.key,
      time: derived.time ?? given.time,
      dataBytes: (derived as unknown) === given ? dataBytes : Buffer.from(JSON.stringify(derived.data)),
    };
  }

  return {
    entry,
    from,
    to,
    run(event) {
      const { id, source, type, time, key, sequence, traceparent, dataBytes } = event;
      const given = { id, source, type, time, key, sequence, traceparent, data: check(from, event.data, 'the input') };
      return applied(() => apply(given)).map((derived) => outputOf(given, derived, dataBytes));
    },
  };
}

function check<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new EventRefused('schema', `${what} does not fit its schema: ${issuesOf(parsed.error)}`);
}

function issuesOf({ issues }: z.core.$ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`).join('; ');
}

/** `apply` is pure: what it throws is the event's fault, for trying again cannot help. */
function applied<O>(apply: () => readonly Derived<O>[]): readonly Derived<O>[] {
  try {
    return apply();
  } catch (error) {
    if (error instanceof EventRefused) throw error;
    if (error instanceof z.core.$ZodError)
      throw new EventRefused('schema', `the data does not fit: ${issuesOf(error)}`);
    throw new EventRefused(
      'transform',
      `apply threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    );
  }
}
