import { z } from 'zod';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';
import { readsSecret } from '../secret-statements.ts';

/** The options that the secrets depend on. */
const Options = z.object({ url: z.string().optional(), signed: z.boolean().default(true) });

/**
 * Lets the sink read its secrets: the key that it signs with, and the URL where the pipeline does not say it. The
 * function runs outside of any network of the stage: from inside, it would need a NAT gateway to reach anybody.
 */
export function webhookOnAws(step: ConnectorStep, { secret }: AwsResources): Needs {
  const { url, signed } = Options.parse(step.options);
  const keySecret = signed ? secret('signing-key') : undefined;
  const urlSecret = url === undefined ? secret('url') : undefined;
  return {
    resources: {
      ...(keySecret === undefined ? {} : { keySecret: keySecret.secret }),
      ...(urlSecret === undefined ? {} : { urlSecret: urlSecret.secret }),
    },
    statements: [
      ...(keySecret === undefined ? [] : readsSecret('reads the signing key', keySecret, 'decrypts the signing key')),
      ...(urlSecret === undefined ? [] : readsSecret('reads the url', urlSecret, 'decrypts the url')),
    ],
    network: undefined,
  };
}

/**
 * On a laptop no request leaves the machine, unless a server of this machine is meant: dev takes the others, and shows
 * them. The signing key is no secret there: docs/connectors.md names it.
 */
export function webhookOnLaptop({ pipeline, name }: ConnectorStep, { webhooks }: LaptopResources): unknown {
  return { laptop: { receiver: `${webhooks}/${pipeline}/${name}`, key: LAPTOP_KEY } };
}

/** Base64 of `key of this laptop`, as a signing key is written. */
const LAPTOP_KEY = 'whsec_a2V5IG9mIHRoaXMgbGFwdG9w';
