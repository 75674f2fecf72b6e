/** The parts of a Kinesis stream's ARN. */
export interface StreamArn {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
  readonly streamName: string;
}

/** Parses a stream's ARN. Undefined for any other ARN, such as that of an enhanced fan-out consumer. */
export function parseStreamArn(arn: string): StreamArn | undefined {
  const match = /^arn:(aws[a-zA-Z-]*):kinesis:([a-z0-9-]+):(\d{12}):stream\/([a-zA-Z0-9_.-]{1,128})$/.exec(arn);
  if (match === null) return undefined;
  const [, partition = '', region = '', accountId = '', streamName = ''] = match;
  return { partition, region, accountId, streamName };
}

/**
 * Makes a function's ARN of its name, a partial ARN or an ARN. Parts that are missing, such as the region, are those of
 * the stream.
 */
export function lambdaArn(functionName: string, stream: StreamArn): string {
  if (functionName.startsWith('arn:')) return functionName;
  const [, accountId = stream.accountId, name = ''] = /^(?:(\d{12}):)?(?:function:)?(.+)$/.exec(functionName) ?? [];
  return `arn:${stream.partition}:lambda:${stream.region}:${accountId}:function:${name}`;
}

/** Makes the ARN of a mapping from the ARN of its function, which is in the same region and account. */
export function mappingArn(functionArn: string, uuid: string): string {
  return `${functionArn.split(':').slice(0, 5).join(':')}:event-source-mapping:${uuid}`;
}

/** Parses an ARN whose resource is a bare name: that of a queue or a bucket. */
export function parseNamedArn(arn: string): { region: string; accountId: string; name: string } {
  const [, , , region = '', accountId = '', name = ''] = arn.split(':');
  return { region, accountId, name };
}
