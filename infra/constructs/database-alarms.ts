import { Construct } from 'constructs';
import { connectionsOfClass, type DatabaseClass } from '../database-classes.ts';
import type { Names } from '../names.ts';
import { LinkedAlarm } from './linked-alarm.ts';
import { databaseMetric } from './metrics.ts';

/**
 * RDS adds storage by itself when a tenth is left, up to the allowed maximum. Less than this is left only when it could
 * not.
 */
const LEAST_FREE_BYTES = 1.5 * 1024 ** 3;

/** So many connections are always free while only steps are connected: synthesizing counts them. */
const LEAST_FREE_CONNECTIONS = 10;

/** The alarms on the database's free storage and on its connections. */
export class DatabaseAlarms extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly names: Names; readonly topic: string | undefined; readonly instance: DatabaseClass },
  ) {
    super(scope, id);
    const { names, topic, instance } = props;
    new LinkedAlarm(this, 'Storage', {
      alarmName: names.databaseAlarm('storage'),
      meaning: 'the database is almost full',
      section: 'database-storage',
      metric: databaseMetric(names, ['FreeStorageSpace', 'Minimum']),
      threshold: LEAST_FREE_BYTES,
      below: true,
      periods: 3,
      topic,
    });
    new LinkedAlarm(this, 'Connections', {
      alarmName: names.databaseAlarm('connections'),
      meaning: 'the database has hardly any connection left',
      section: 'database-connections',
      metric: databaseMetric(names, ['DatabaseConnections', 'Maximum']),
      threshold: connectionsOfClass(instance) - LEAST_FREE_CONNECTIONS,
      periods: 3,
      topic,
    });
  }
}
