import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import { Stream, StreamEncryption, StreamMode } from 'aws-cdk-lib/aws-kinesis';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { OwnStreamPlan } from '../pipelines/streams.ts';

/** A stream of the log: a Kinesis stream, encrypted. */
export class EventStream extends Construct {
  constructor(
    scope: Construct,
    id: string,
    props: { readonly stream: OwnStreamPlan; readonly streamName: string; readonly removal: RemovalPolicy },
  ) {
    super(scope, id);
    const { shards, retentionHours, keys } = props.stream;
    const [key] = keys;
    const capacity =
      shards === 'on-demand'
        ? { streamMode: StreamMode.ON_DEMAND }
        : { streamMode: StreamMode.PROVISIONED, shardCount: shards };
    new Stream(this, 'Stream', {
      streamName: props.streamName,
      ...capacity,
      retentionPeriod: Duration.hours(retentionHours),
      // The key that AWS manages for Kinesis needs no rights: every principal that may use the stream may use the key.
      ...(key === undefined
        ? { encryption: StreamEncryption.MANAGED }
        : { encryption: StreamEncryption.KMS, encryptionKey: Key.fromKeyArn(this, 'Key', key) }),
      removalPolicy: props.removal,
    });
  }
}
