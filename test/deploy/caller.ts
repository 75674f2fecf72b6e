import { NodeHttpHandler } from '@smithy/node-http-handler';

/** Who calls, and where. */
export interface Caller {
  /** A server that stands for AWS. Undefined: AWS itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** For every client. HTTP/1.1: not every emulator's HTTP/2 holds. */
export function clientOptions({ endpoint, region, credentials }: Caller) {
  return {
    region,
    credentials,
    requestHandler: new NodeHttpHandler(),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}
