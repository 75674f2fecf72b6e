import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { GetQueueUrlCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { randomUuid } from '../random-uuid.ts';
import { parseNamedArn } from './arns.ts';
import type { MappingConfiguration } from './configuration.ts';
import { type Discarded, failureDocument, failureObjectKey } from './discarded.ts';
import { invocationPayload } from './records.ts';

export interface DestinationClients {
  readonly sqs?: Pick<SQSClient, 'send'>;
  readonly sns?: Pick<SNSClient, 'send'>;
  readonly s3?: Pick<S3Client, 'send'>;
}

interface Envelope {
  readonly destinationArn: string;
  readonly mapping: string;
  readonly random: () => number;
}

/** Sends the document about discarded records to a queue, a topic or a bucket. Only a bucket gets the payload too. */
export async function sendDocument(
  clients: DestinationClients,
  discarded: Discarded,
  { destinationArn, mapping, random }: Envelope,
): Promise<void> {
  const { accountId, name } = parseNamedArn(destinationArn);
  const document = failureDocument(discarded);
  switch (kindOf(destinationArn)) {
    case 'sqs': {
      const QueueUrl = await queueUrl(clients.sqs, { QueueName: name, QueueOwnerAWSAccountId: accountId });
      await clients.sqs?.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(document) }));
      return;
    }
    case 'sns':
      await clients.sns?.send(new PublishCommand({ TopicArn: destinationArn, Message: JSON.stringify(document) }));
      return;
    case 's3': {
      const Key = failureObjectKey(discarded, { mapping, uuid: randomUuid(random) });
      const Body = JSON.stringify({ ...document, payload: invocationPayload(discarded.records) });
      await clients.s3?.send(new PutObjectCommand({ Bucket: name, Key, Body, ContentType: 'application/json' }));
    }
  }
}

/** Throws when there is no client for the on-failure destination: without it, discarded records would vanish. */
export function refuseWithoutClient({ DestinationConfig }: MappingConfiguration, clients: DestinationClients): void {
  const arn = DestinationConfig.OnFailure.Destination;
  if (arn === undefined || clients[kindOf(arn)] !== undefined) return;
  throw new Error(`no ${kindOf(arn)} client for the on-failure destination ${arn}: pass destinations.${kindOf(arn)}`);
}

function kindOf(destinationArn: string): 'sqs' | 'sns' | 's3' {
  return destinationArn.split(':')[2] as 'sqs' | 'sns' | 's3';
}

async function queueUrl(
  sqs: DestinationClients['sqs'],
  queue: { QueueName: string; QueueOwnerAWSAccountId: string },
): Promise<string | undefined> {
  return (await sqs?.send(new GetQueueUrlCommand(queue)))?.QueueUrl;
}
