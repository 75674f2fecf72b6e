import { z } from 'zod';
import { searchFieldsOf } from '../../functions/sinks/opensearch/fields.ts';
import type { AwsResources, ConnectorStep, LaptopResources, Needs } from '../needs.ts';
import { readsSecret } from '../secret-statements.ts';

/** The options that the grants and the resources depend on. */
const Options = z.object({ index: z.string(), arn: z.string().optional() });

/**
 * Lets the sink write its index, and those that its replays fill, of a domain or collection that people have made. What
 * a role may do in a collection is in the collection's own data access policy. Without an ARN, the sink reads the
 * secret with the login. The function runs outside of any network of the stage.
 */
export function openSearchOnAws(step: ConnectorStep, { tables, secret }: AwsResources): Needs {
  const { index, arn } = Options.parse(step.options);
  const resources = { indexPrefix: tables.prefix, fields: searchFieldsOf(step.schema) };
  if (arn === undefined) {
    const login = secret('login');
    return {
      resources: { ...resources, loginSecret: login.secret },
      statements: readsSecret('reads the login', login, 'decrypts the login'),
      network: undefined,
    };
  }
  const own = `${arn}/${tables.prefix}${index}`;
  return {
    resources,
    statements: [
      arn.includes(':aoss:')
        ? { why: 'calls its collection', actions: ['aoss:APIAccessAll'], resources: [arn] }
        : {
            why: 'writes the documents of its index',
            actions: ['es:ESHttpGet', 'es:ESHttpPost', 'es:ESHttpPut'],
            resources: [own, `${own}/*`, `${own}--*`],
          },
    ],
    network: undefined,
  };
}

/** On a laptop no request leaves the machine, unless a server of this machine is meant: dev takes the others. */
export function openSearchOnLaptop(step: ConnectorStep, { tablePrefix, search }: LaptopResources): unknown {
  return { indexPrefix: tablePrefix, fields: searchFieldsOf(step.schema), laptop: { server: search } };
}
