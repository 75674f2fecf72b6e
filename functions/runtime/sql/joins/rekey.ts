import type { z } from 'zod';
import type { ReceivedEvent } from '../../event.ts';
import { rekeyOptions, SideEvent } from '../../join.ts';
import type { Transform } from '../../transform.ts';
import { runnerOf, type Statement } from '../sql-transform.ts';
import { isDeletion, sidesIn, tableEvent } from './side-event.ts';
import type { SideRow } from './side-row.ts';

/** A part of a join that is compiled as a statement. All parts are of one file. */
export type Compiled = Omit<Statement, 'file'>;

interface Inputs {
  readonly entry: string;
  readonly inputs: Readonly<Record<string, z.ZodType>>;
  readonly graceMillis?: number;
}

/** Makes the transform that re-keys an input. `graceMillis`: how late an event may come, in a join of two streams. */
export function rekeyed({ entry, inputs, graceMillis }: Inputs, input: string, rekeying: Rekeying): Transform {
  const from = inputs[input];
  if (from === undefined) throw new Error(`the join has no input '${input}'`);
  return { entry, from, to: SideEvent, options: rekeyOptions(input), graceMillis, ...rekeying };
}

/** What re-keys the events of an input, and the fields of theirs that it looks at. */
type Rekeying = Required<Pick<Transform, 'run' | 'reads'>>;

/** An input whose latest event of each key is the row. */
interface TableInput {
  readonly input: string;
  readonly file: string;
  /** How many columns the rows are joined by. */
  readonly keys: number;
  /** Projects a row. */
  readonly row: Compiled;
  /** Projects the key of an event that deletes a row. */
  readonly deleted: Compiled;
}

/** Returns what the transform of such an input does. `rowOf` makes the row that goes on. */
export function rekeyingRows(
  { input, file, keys, row, deleted }: TableInput,
  rowOf: (event: ReceivedEvent, side: SideRow) => Uint8Array,
): Rekeying {
  const [project, projectDeleted] = [runnerOf({ ...row, file }), runnerOf({ ...deleted, file })];
  const run: Transform['run'] = (event) =>
    sidesIn((isDeletion(event) ? projectDeleted : project)(event), keys).map((side) =>
      tableEvent(event, side, { side: input, row: rowOf(event, side) }),
    );
  return { run, reads: [...new Set([...row.columns, ...deleted.columns])] };
}
