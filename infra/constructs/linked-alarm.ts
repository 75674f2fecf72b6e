import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

/** A section of docs/runbook.md, as its heading is linked to. */
export type RunbookSection =
  | 'lag'
  | 'dead-letters'
  | 'given-up'
  | 'failed-files'
  | 'crashes'
  | 'errors'
  | 'throttles'
  | 'file-age'
  | 'stopped'
  | 'database-storage';

export interface LinkedAlarmProps {
  readonly alarmName: string;
  /** Lower case, no full stop. */
  readonly meaning: string;
  readonly section: RunbookSection;
  readonly metric: IMetric;
  readonly threshold: number;
  /** Above the threshold, or at it, is alarming; when `below` is given, below it. */
  readonly below?: true;
  /**
   * What a period is in which nothing was measured. Left out: fine, because nothing is measured of what does nothing.
   */
  readonly missing?: 'alarming';
  /** Periods of the metric, all of which are alarming. */
  readonly periods: number;
  /** The ARN of the topic that is told, also when it is over. */
  readonly topic: string | undefined;
}

/** An alarm that says what to do about it: its description ends in a section of the runbook. */
export class LinkedAlarm extends Construct {
  constructor(scope: Construct, id: string, props: LinkedAlarmProps) {
    super(scope, id);
    const { alarmName, meaning, section, metric, threshold, below, missing, periods, topic } = props;
    const alarm = new Alarm(this, 'Alarm', {
      alarmName,
      alarmDescription: `${meaning}: docs/runbook.md#${section}`,
      metric,
      threshold,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: missing === 'alarming' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    if (topic === undefined) return;
    const action = { bind: () => ({ alarmActionArn: topic }) };
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
  }
}
