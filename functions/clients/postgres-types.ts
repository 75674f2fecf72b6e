/** How the values of some types of Postgres become JSON. Those of all other types are texts, lists or objects. */
export type KnownForm = 'number' | 'boolean' | 'json' | 'timestamp' | 'timestamptz';

/** The forms by the oids of the types. Types of Postgres's own keep their oids for ever. */
export const KNOWN_FORMS: ReadonlyMap<number, KnownForm> = new Map<number, KnownForm>([
  [16, 'boolean'],
  [20, 'number'],
  [21, 'number'],
  [23, 'number'],
  [26, 'number'],
  [700, 'number'],
  [701, 'number'],
  [1700, 'number'],
  [114, 'json'],
  [3802, 'json'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
]);
