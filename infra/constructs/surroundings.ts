import type { RemovalPolicy } from 'aws-cdk-lib';
import type { Entry } from '../bundle.ts';
import type { Names } from '../names.ts';
import type { CompleteBundle } from '../native-files.ts';
import type { AwsResources } from '../needs.ts';

/** The parts of a stage's platform that the steps of every pipeline use. */
export interface Surroundings {
  readonly names: Names;
  readonly resources: Omit<AwsResources, 'secret'>;
  /** The removal policy of resources that hold data. */
  readonly removal: RemovalPolicy;
  /** True when the stage has a database of its own, and was given none. */
  readonly ownsDatabase: boolean;
  /** The ARN of the customer's key for secrets. */
  readonly key: string | undefined;
  /** The ARN of the topic that alarms notify. */
  readonly alarms: string | undefined;
  /** Returns the bundle of a step's entry. */
  bundleOf(entry: Entry): CompleteBundle;
}
