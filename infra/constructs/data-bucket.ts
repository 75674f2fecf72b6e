import { Duration, type RemovalPolicy, Validations } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export interface DataBucketProps {
  readonly bucketName: string;
  readonly removal: RemovalPolicy;
  /** Tells EventBridge of every object. It does not when not given. */
  readonly announced?: true;
}

/** A bucket that holds what people need: encrypted, reached by TLS only, never public. */
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
        // What an interrupted upload leaves is invisible and costs; an earlier version is for mistakes of the last
        // month.
        { abortIncompleteMultipartUploadAfter: ONE_WEEK, noncurrentVersionExpiration: ONE_MONTH },
      ],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'each role reaches one prefix with one or two actions; an account that wants every access recorded has CloudTrail data events',
    });
    if (announced) {
      const resource = bucket.node.defaultChild as CfnBucket;
      // The CDK's own `eventBridgeEnabled` makes a custom resource of what is one property.
      resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    }
  }
}

const ONE_WEEK = Duration.days(7);
const ONE_MONTH = Duration.days(30);
