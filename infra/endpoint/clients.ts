import { KinesisClient } from '@aws-sdk/client-kinesis';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * The clients that a Kinesis mapping calls, all at one URL. Region and credentials come from the usual AWS settings.
 */
export interface EndpointClients extends Disposable {
  readonly lambda: LambdaClient;
  readonly kinesis: KinesisClient;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
}

/** A little longer than Lambda's longest invocation. */
const LONGEST_CALL_MILLIS = 16 * 60_000;

export function clientsOf(endpoint: string): EndpointClients {
  // HTTP/1.1, because the HTTP/2 of some emulators fails now and then.
  const common = { endpoint, requestHandler: new NodeHttpHandler() };
  const clients = {
    // Only the mapping retries an invocation, because it counts the retries.
    lambda: new LambdaClient({
      endpoint,
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({ requestTimeout: LONGEST_CALL_MILLIS, throwOnRequestTimeout: true }),
    }),
    kinesis: new KinesisClient(common),
    s3: new S3Client({ ...common, forcePathStyle: true }),
    sqs: new SQSClient(common),
    sns: new SNSClient(common),
  };
  return {
    ...clients,
    [Symbol.dispose]() {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}
