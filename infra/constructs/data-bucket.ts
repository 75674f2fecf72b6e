import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export interface DataBucketProps {
  readonly bucketName: string;
  readonly removal: RemovalPolicy;
  /** Whether the bucket tells EventBridge about new objects. No by default. */
  readonly announced?: true;
}

/** A bucket for data: encrypted, reached by TLS only, never public, with versions. */
export class DataBucket extends Construct {
  constructor(scope: Construct, id: string, { bucketName, removal, announced }: DataBucketProps) {
    super(scope, id);
    const bucket = new Bucket(this, 'Bucket', {
      bucketName,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      removalPolicy: removal,
      lifecycleRules: [
        // The parts of an interrupted upload are invisible and cost money. Earlier versions undo mistakes of the last
        // month. The marker of a deleted object goes when no version is left behind it: listings read every marker.
        {
          abortIncompleteMultipartUploadAfter: ONE_WEEK,
          noncurrentVersionExpiration: ONE_MONTH,
          expiredObjectDeleteMarker: true,
        },
      ],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'each role reaches one prefix with one or two actions; an account that wants every access recorded has CloudTrail data events',
    });
    if (announced) {
      const resource = bucket.node.defaultChild as CfnBucket;
      // One property. The CDK's own `eventBridgeEnabled` makes a custom resource of it.
      resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    }
  }
}

const ONE_WEEK = Duration.days(7);
const ONE_MONTH = Duration.days(30);
