/** The parts of a Kinesis stream's ARN that the names of other things are made of. */
export interface StreamArn {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
  readonly streamName: string;
}

/** Undefined for what is not a stream, such as an enhanced fan-out consumer. */
export function parseStreamArn(arn: string): StreamArn | undefined {
  const match = /^arn:(aws[a-zA-Z-]*):kinesis:([a-z0-9-]+):(\d{12}):stream\/([a-zA-Z0-9_.-]{1,128})$/.exec(arn);
  if (match === null) return undefined;
  const [, partition = '', region = '', accountId = '', streamName = ''] = match;
  return { partition, region, accountId, streamName };
}

/**
 * A function's ARN out of its name, a partial ARN or an ARN: it lies where the stream lies unless it says otherwise.
 */
export function lambdaArn(functionName: string, stream: StreamArn): string {
  if (functionName.startsWith('arn:')) return functionName;
  const [, accountId = stream.accountId, name = ''] = /^(?:(\d{12}):)?(?:function:)?(.+)$/.exec(functionName) ?? [];
  return `arn:${stream.partition}:lambda:${stream.region}:${accountId}:function:${name}`;
}

/** `{ region, accountId, name }` of an ARN whose resource is a bare name: a queue or a bucket. */
export function parseNamedArn(arn: string): { region: string; accountId: string; name: string } {
  const [, , , region = '', accountId = '', name = ''] = arn.split(':');
  return { region, accountId, name };
}
