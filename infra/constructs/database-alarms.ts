import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Names } from '../names.ts';
import { LinkedAlarm } from './linked-alarm.ts';
import { FIVE_MINUTES } from './metrics.ts';

/**
 * RDS adds storage by itself when a tenth is left, up to the allowed maximum. Less than this is left only when it could
 * not.
 */
const LEAST_FREE_BYTES = 1.5 * 1024 ** 3;

/** The alarm on the database's free storage. */
export class DatabaseAlarms extends Construct {
  constructor(scope: Construct, id: string, props: { readonly names: Names; readonly topic: string | undefined }) {
    super(scope, id);
    const { names, topic } = props;
    new LinkedAlarm(this, 'Storage', {
      alarmName: names.databaseAlarm('storage'),
      meaning: 'the database is almost full',
      section: 'database-storage',
      metric: new Metric({
        namespace: 'AWS/RDS',
        metricName: 'FreeStorageSpace',
        dimensionsMap: { DBInstanceIdentifier: names.database },
        statistic: 'Minimum',
        period: FIVE_MINUTES,
      }),
      threshold: LEAST_FREE_BYTES,
      below: true,
      periods: 3,
      topic,
    });
  }
}
