import { UserMistake } from '../../../functions/runtime/errors.ts';
import type { SinkName } from '../../connectors.ts';
import type { SinkPlan, StepPlan } from '../../pipelines/plan.ts';
import { dynamoDbView } from './dynamodb-rows.ts';
import { icebergView } from './iceberg-rows.ts';
import { lakeView } from './lake-rows.ts';
import { postgresView } from './postgres-rows.ts';
import type { SinkView } from './stored-rows.ts';

/** The sinks whose rows can be read back. */
const views: Partial<Record<SinkName, (step: SinkPlan) => SinkView>> = {
  postgres: postgresView,
  s3: lakeView,
  dynamodb: dynamoDbView,
  iceberg: icebergView,
};

/** Returns what a sink keeps. Throws a `UserMistake` for a step whose rows cannot be read back. */
export function viewOf(step: StepPlan): SinkView {
  const { name } = step;
  if (step.kind !== 'sink')
    throw new UserMistake(`'${name}' is a ${step.kind}: compare reads what two sinks have stored; name a sink`);
  const view = views[step.connector];
  if (view === undefined)
    throw new UserMistake(
      `'${name}' writes with the connector ${step.connector}, and what that has written cannot be read back: compare sinks of ${Object.keys(views).join(', ')}`,
    );
  return view(step);
}
