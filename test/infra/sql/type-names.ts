import { SCALAR_NAMES } from '../../../infra/sql/plan/sql-type.ts';

/** The types that expressions are made and compared in: every scalar, and arrays of some. */
export const TYPE_NAMES = [...SCALAR_NAMES, 'integer[]', 'text[]', 'numeric[]'] as const;
