import { UserMistake } from '../../../runtime/errors.ts';
import type { Table } from '../catalog/table-metadata.ts';
import type { OwnSnapshot, StepProperties } from './step-properties.ts';

/** What a step remembers of its table, apart from the table. */
export interface Known {
  readonly uuid: string;
  /** The highest sequence number of a snapshot of ours that it has seen in the table. */
  readonly sequence?: bigint | undefined;
}

/**
 * Makes sure that the rows which the positions of a table stand for are in it: that it is the table that the step
 * knows, and that `main` comes from the step's last snapshot. Properties stay when somebody rolls a table back. Throws
 * a `UserMistake` otherwise: then an operator decides, and until then the step writes nothing.
 */
export function checkStanding(
  table: Table,
  {
    properties,
    known,
    called,
  }: { readonly properties: StepProperties; readonly known: Known | undefined; readonly called: string },
): void {
  if (isToGoOn(table, table.properties[properties.goOn])) return;
  const current = table.current === undefined ? 'none' : String(table.current['snapshot-id']);
  const why = whyNot(table, properties.snapshotIn(table), known);
  if (why === undefined) return;
  throw new UserMistake(
    `the table ${called} ${why}, so rows that the step has written may be gone: bring them back, or set the table's property '${properties.goOn}' to '${current}', and the step goes on without them, from its own position`,
  );
}

/** An operator has named the current snapshot, or one that it comes from: a compactor may have committed since. */
function isToGoOn(table: Table, from: string | undefined): boolean {
  if (from === undefined || table.current === undefined) return from === 'none';
  if (!/^\d+$/.test(from)) return false;
  const id = BigInt(from);
  return descends(table, { id, sequence: table.snapshots.get(id)?.['sequence-number'] ?? 0n }) === 'yes';
}

function whyNot(table: Table, own: OwnSnapshot | undefined, known: Known | undefined): string | undefined {
  if (known !== undefined && known.uuid !== table.uuid) return 'was dropped and made anew';
  if (known?.sequence !== undefined && table.lastSequence < known.sequence) return 'was restored to an earlier state';
  if (own === undefined) return known?.sequence === undefined ? undefined : 'has lost the properties of the step';
  switch (descends(table, own)) {
    case 'yes':
      return undefined;
    case 'no':
      return `was rolled back or replaced: its current snapshot does not come from ${own.id}, the last one of the step`;
    case 'unknown':
      return `has so many snapshots expired that nobody can tell whether its current one comes from ${own.id}, the last one of the step`;
  }
}

function descends({ current, snapshots }: Table, own: OwnSnapshot): 'yes' | 'no' | 'unknown' {
  for (let snapshot = current; snapshot !== undefined; ) {
    if (snapshot['snapshot-id'] === own.id) return 'yes';
    if (snapshot['sequence-number'] < own.sequence) return 'no';
    const parent = snapshot['parent-snapshot-id'];
    if (parent === own.id) return 'yes';
    if (parent === undefined || parent === null || parent < 0n) return 'no';
    const next = snapshots.get(parent);
    if (next === undefined) return 'unknown';
    snapshot = next;
  }
  return 'no';
}
