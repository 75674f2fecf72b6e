import type { Bundle } from '../bundle.ts';
import type { Names } from '../names.ts';
import type { AwsPlaces } from '../needs.ts';

/** What a stage's platform gives the steps of every pipeline. */
export interface Surroundings {
  readonly names: Names;
  readonly places: Omit<AwsPlaces, 'secret'>;
  /** Where functions run that call the database. Undefined: the database is reached from everywhere, as functions outside a VPC are. */
  readonly network: FunctionNetwork | undefined;
  /** Of a step's entry. */
  bundleOf(entry: string): Bundle;
}

export interface FunctionNetwork {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}
