import { z } from 'zod';

/** Where the catalogue of an Iceberg sink answers, as its function is told. */
export const CatalogPlace = z.object({
  /** Without a slash at its end. */
  endpoint: z.string(),
  /** The service that requests are signed for. Undefined: they are not signed. */
  signedFor: z.enum(['glue', 's3tables']).optional(),
  warehouse: z.string(),
  /** The namespace of a sink whose options name none. */
  namespace: z.string(),
});
export type CatalogPlace = z.infer<typeof CatalogPlace>;
