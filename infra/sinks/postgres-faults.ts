import { z } from 'zod';
import { columnsOf } from '../../functions/sinks/postgres/columns.ts';
import { grownColumns } from '../../functions/sinks/postgres/grown-columns.ts';
import { isWider } from '../../functions/sinks/postgres/wider-types.ts';
import type { ColumnFault, ConnectorStep } from '../needs.ts';
import { schemasOf } from '../schemas/schemas-of.ts';

const Options = z.object({
  create: z.boolean().default(false),
  evolve: z.boolean().default(false),
  key: z.array(z.string()).default([]),
});

/**
 * Finds the fields of a stream that the table of a sink would not hold: a table that the sink makes or alters has the
 * columns of all versions, and without `evolve` those of the version that it was made of.
 */
export function postgresFaults(step: Pick<ConnectorStep, 'options' | 'schema' | 'versions'>): readonly ColumnFault[] {
  const { create, evolve, key } = Options.parse(step.options);
  if (!create && !evolve) return [];
  const schemas = schemasOf(step);
  const { columns, unfit } = grownColumns(schemas);
  const faults: ColumnFault[] = unfit.map(({ field, types }) => ({
    field,
    isCertain: true,
    message: `its column would be ${types.join(' for one version, and ')} for another, and no column holds both`,
    fix: 'give what is new another name',
  }));
  for (const { name, nullable } of columns)
    if (nullable && key.includes(name))
      faults.push({
        field: name,
        isCertain: true,
        message: "it is part of the sink's key, and an event may have no value for it",
        fix: 'name other fields in key, or let every event have it',
      });
  if (evolve || schemas.length === 1) return faults;
  const made = new Map(columnsOf(schemas[0] ?? step.schema).map((column) => [column.name, column]));
  return [
    ...faults,
    ...columns.flatMap(({ name, type, nullable }): readonly ColumnFault[] => {
      const before = made.get(name);
      const fix = 'say evolve: true in the options of the sink; or alter the table, and forget the older versions';
      if (before === undefined)
        return [{ field: name, isCertain: false, message: 'a table of the first version has no column for it', fix }];
      if (isWider(type, before.type))
        return [
          { field: name, isCertain: true, message: `its column is ${before.type}, and values may need ${type}`, fix },
        ];
      if (nullable && !before.nullable)
        return [
          { field: name, isCertain: true, message: 'its column is not null, and an event may have no value', fix },
        ];
      return [];
    }),
  ];
}
