import { isPosition, type Position } from '../../../runtime/position.ts';
import type { Table } from '../catalog/table-metadata.ts';

/** A snapshot that the step has committed. */
export interface OwnSnapshot {
  readonly id: bigint;
  readonly sequence: bigint;
}

/** The properties of a table that belong to one step. They move with its commits, and stay when snapshots expire. */
export interface StepProperties {
  /** An operator writes the id of the current snapshot into the property of this name, to go on behind it. */
  readonly goOn: string;
  /** Returns the last snapshot that the step has committed. */
  snapshotIn(table: Pick<Table, 'properties'>): OwnSnapshot | undefined;
  /** Returns the position up to which the table has the rows of a shard. */
  positionIn(table: Pick<Table, 'properties'>, shard: string): Position | undefined;
  /** Returns the properties of a commit that brings shards to these positions. */
  after(own: OwnSnapshot, positions: ReadonlyMap<string, Position>): Readonly<Record<string, string>>;
}

/** `formerly`: the step's former name. What is not stored under `step` counts as it is stored under this one. */
export function propertiesOf(stage: string, step: string, formerly: string | undefined): StepProperties {
  const names = [step, formerly].flatMap((one) => (one === undefined ? [] : [`${stage}.${one.replace('/', '.')}`]));
  const [own = ''] = names;
  const positionName = (of: string, shard: string): string => `millrace.position.${of}.${shard.replaceAll('/', '.')}`;
  const snapshotName = (of: string): string => `millrace.snapshot.${of}`;
  const find = ({ properties }: Pick<Table, 'properties'>, name: (of: string) => string): string | undefined =>
    names.map((of) => properties[name(of)]).find((value) => value !== undefined);
  return {
    goOn: `millrace.continue.${own}`,
    snapshotIn(table) {
      const [, id, sequence] = /^(\d+)\/(\d+)$/.exec(find(table, snapshotName) ?? '') ?? [];
      return id === undefined || sequence === undefined ? undefined : { id: BigInt(id), sequence: BigInt(sequence) };
    },
    positionIn(table, shard) {
      const text = find(table, (of) => positionName(of, shard));
      if (text === undefined || isPosition(text)) return text;
      throw new Error(`the table's property '${positionName(own, shard)}' is no position: '${text}'`);
    },
    after: ({ id, sequence }, positions) => ({
      [snapshotName(own)]: `${id}/${sequence}`,
      ...Object.fromEntries([...positions].map(([shard, position]) => [positionName(own, shard), position])),
    }),
  };
}
