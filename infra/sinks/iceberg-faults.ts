import { z } from 'zod';
import { duckdbType, type ParquetType } from '../../functions/sinks/s3/parquet/column-types.ts';
import { parquetColumnsOf } from '../../functions/sinks/s3/parquet/columns.ts';
import { grownParquetColumns } from '../../functions/sinks/s3/parquet/grown-columns.ts';
import type { ColumnFault, ConnectorStep } from '../needs.ts';
import { schemasOf } from '../schemas/schemas-of.ts';

const Options = z.object({ lines: z.enum(['event', 'data']).default('event') });

const FIX = 'give what is new another name';

/** Finds the fields whose column no table of Iceberg can have, or can grow to from the first version. */
export function icebergFaults(step: Pick<ConnectorStep, 'options' | 'schema' | 'versions'>): readonly ColumnFault[] {
  const options = Options.parse(step.options);
  const schemas = schemasOf(step);
  const { columns, unfit } = grownParquetColumns(schemas, options);
  const made = new Map(parquetColumnsOf(schemas[0] ?? step.schema, options).map(({ name, type }) => [name, type]));
  const grown = columns.flatMap(({ name, type }): readonly ColumnFault[] => {
    const before = made.get(name);
    if (before === undefined || mayGrow(before, type) || unfit.some(({ field }) => field === name)) return [];
    const message = `its column would become ${duckdbType(type)}, and Iceberg cannot make that of ${duckdbType(before)}`;
    return [{ field: name, isCertain: true, message, fix: FIX }];
  });
  return [
    ...unfit.map(({ field, types }) => ({
      field,
      isCertain: true,
      message: `its column would be ${types.join(' for one version, and ')} for another, and no column holds both`,
      fix: FIX,
    })),
    ...grown,
  ];
}

/** Iceberg's own promotions, of the types that we write: int to long, and a decimal to more digits before the point. */
function mayGrow(from: ParquetType, to: ParquetType): boolean {
  if (from.kind === 'list' && to.kind === 'list') return mayGrow(from.element, to.element);
  if (from.kind === 'struct' && to.kind === 'struct')
    return from.fields.every(({ name, type }) => {
      const now = to.fields.find((field) => field.name === name);
      return now !== undefined && mayGrow(type, now.type);
    });
  if (from.kind === 'decimal' && to.kind === 'decimal')
    return from.scale === to.scale && from.precision <= to.precision;
  return from.kind === to.kind || (from.kind === 'integer' && to.kind === 'bigint');
}
