import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

/** A section of docs/runbook.md, by the anchor of its heading. */
export type RunbookSection =
  | 'lag'
  | 'dead-letters'
  | 'given-up'
  | 'failed-files'
  | 'crashes'
  | 'errors'
  | 'throttles'
  | 'not-polled'
  | 'dropped'
  | 'file-age'
  | 'rule-failures'
  | 'stopped'
  | 'log-kept'
  | 'watermark'
  | 'overdue-windows'
  | 'database-storage'
  | 'database-connections';

export interface LinkedAlarmProps {
  readonly alarmName: string;
  /** The meaning of the alarm, in lower case without a full stop. */
  readonly meaning: string;
  readonly section: RunbookSection;
  readonly metric: IMetric;
  readonly threshold: number;
  /** With `below`, values below the threshold are alarming. By default, values at the threshold or above it. */
  readonly below?: true;
  /**
   * How to count a period without a measurement. By default it is fine: a step that does nothing is not measured.
   */
  readonly missing?: 'alarming';
  /** The number of periods in a row that must be alarming. */
  readonly periods: number;
  /** The ARN of the topic that is notified when the alarm begins and when it ends. */
  readonly topic: string | undefined;
}

/** The alarms of a step or stream, by the last part of their names. */
export type AlarmsByKind = Readonly<Record<string, Omit<LinkedAlarmProps, 'alarmName' | 'topic'>>>;

/** An alarm whose description ends in a link to the section of the runbook that says what to do. */
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
