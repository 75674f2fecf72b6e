import type { RemovalPolicy } from 'aws-cdk-lib';
import type { Bundle, Entry } from '../bundle.ts';
import type { Names } from '../names.ts';
import type { AwsResources } from '../needs.ts';

/** What a stage's platform gives the steps of every pipeline. */
export interface Surroundings {
  readonly names: Names;
  readonly places: Omit<AwsResources, 'secret'>;
  /** Of what holds data. */
  readonly removal: RemovalPolicy;
  /** The ARN of the topic that alarms go to. */
  readonly alarms: string | undefined;
  /** Of a step's entry. */
  bundleOf(entry: Entry): Bundle;
}
