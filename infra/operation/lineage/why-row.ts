import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { ReceivedEvent } from '../../../functions/runtime/event.ts';
import { parseOrExplain } from '../../../functions/runtime/step-config.ts';
import { postgresDefinition } from '../../../functions/sinks/postgres/postgres.ts';
import type { SinkPlan } from '../../pipelines/plan.ts';
import { type FoundEvents, findEvents } from './find-events.ts';
import type { Tracing } from './trace-back.ts';

/** The columns and values by which a row is looked for. */
export type RowKey = Readonly<Record<string, string>>;

/**
 * Makes the key of a row of the words that an operator typed: the values of the key's columns, in their order, or
 * `column=value` for any columns. Throws a `UserMistake` when they do not fit the sink.
 */
export function rowKeyOf(step: SinkPlan, words: readonly string[]): RowKey {
  const { key } = parseOrExplain(postgresDefinition.options, step.options, `the options of '${step.name}'`);
  const pairs = words.map((word) => /^([^=]+)=(.*)$/s.exec(word));
  if (words.length > 0 && pairs.every((pair) => pair !== null))
    return Object.fromEntries(pairs.map((pair) => [pair[1] ?? '', pair[2] ?? '']));
  if (key === undefined)
    throw new UserMistake(`sink '${step.name}' appends rows and has no key: name columns, such as ${EXAMPLE}`);
  if (words.length !== key.length)
    throw new UserMistake(
      `the key of sink '${step.name}' has the columns ${key.join(', ')}: give ${key.length} ${key.length === 1 ? 'value' : 'values'}, or columns such as ${EXAMPLE}`,
    );
  return Object.fromEntries(key.map((column, index) => [column, words[index] ?? '']));
}

const EXAMPLE = 'order_id=17';

/**
 * Finds the event that made a row what it is: the last one of the sink's stream whose data has the row's key. The
 * whole of what the log holds is read, because the row does not say where its event is.
 */
export function whyRow(step: SinkPlan, key: RowKey, tracing: Tracing): Promise<FoundEvents> {
  const wanted = Object.entries(key);
  const matches = ({ data }: ReceivedEvent): boolean => {
    const row = Object(data) as Readonly<Record<string, unknown>>;
    return wanted.every(([column, value]) => isSame(row[column], value));
  };
  const { target, signal } = tracing;
  return findEvents({ target }, { stream: step.input.stream, from: 'earliest', matches, want: 'last', signal });
}

/** Compares a field with typed text: `1.50` is the number 1.5. */
function isSame(field: unknown, typed: string): boolean {
  if (typeof field === 'number') return typed.trim() !== '' && field === Number(typed);
  return field !== undefined && field !== null && String(field) === typed;
}
