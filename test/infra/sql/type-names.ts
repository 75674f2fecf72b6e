/** The types that expressions are made and compared in: every scalar, and arrays of some. */
export const TYPE_NAMES = [
  'boolean',
  'integer',
  'bigint',
  'double precision',
  'numeric',
  'text',
  'date',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'jsonb',
  'bytea',
  'integer[]',
  'text[]',
  'numeric[]',
] as const;
