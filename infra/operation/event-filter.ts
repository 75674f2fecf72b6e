import type { ReceivedEvent } from '../../functions/runtime/event.ts';
import type { NamedSchema } from '../pipelines/inline-sql.ts';

/** Which events somebody wants to see. What is not given lets all through. */
export interface EventWish {
  readonly key?: string | undefined;
  readonly type?: string | undefined;
  /** An SQL condition on the events' fields. */
  readonly where?: string | undefined;
}

/**
 * Builds the filter of a wish. Throws a `UserMistake` for a condition that is wrong. The filter throws `EventRejected`
 * for data that does not fit the condition.
 */
export async function eventFilter(
  { key, type, where }: EventWish,
  stream: NamedSchema,
): Promise<(event: ReceivedEvent) => boolean> {
  const hasNames = (event: ReceivedEvent): boolean =>
    (key === undefined || event.key === key) && (type === undefined || event.type === type);
  if (where === undefined) return hasNames;
  const { conditionOn } = await import('../sql/condition.ts');
  const isTrue = await conditionOn({ file: '--where', text: where }, stream);
  return (event) => hasNames(event) && isTrue(event);
}
