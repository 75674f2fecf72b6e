import { NodeHttpHandler } from '@smithy/node-http-handler';

/** Credentials, and the server to call with them. */
export interface Caller {
  /** A server that stands for AWS; undefined for AWS itself. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** Returns the options of every client. It speaks HTTP/1.1, because HTTP/2 is unreliable in some emulators. */
export function clientOptions({ endpoint, region, credentials }: Caller) {
  return {
    region,
    credentials,
    requestHandler: new NodeHttpHandler(),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}
