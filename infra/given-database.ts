import { z } from 'zod';
import { READER } from '../functions/clients/query.ts';
import { readCertificates } from './certificates.ts';
import { KEY_ARN, KEY_ARN_RULE } from './key-arn.ts';
import { strict } from './strict-object.ts';

const text = z.string().min(1);

/** The authorities whose certificates a server may present: `public`, or the text of the PEM file that is named. */
const Authorities = text.transform((ca, context) => {
  if (ca === 'public') return ca;
  try {
    return readCertificates(ca);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const key = z.string().regex(KEY_ARN, KEY_ARN_RULE);

/** A user that may do nothing but read: `millrace query` and `millrace status` ask the database as this user. */
const Reader = strict({
  user: text.default(READER),
  /** The ARN of the secret with its password, where the functions' user has one too. */
  secret: text.optional(),
  key: key.optional(),
});

/** An existing Postgres server, in place of the stage's own RDS instance or in addition to it. */
export const GivenDatabase = strict({
  host: text,
  port: z.int().min(1).max(65_535).default(5_432),
  /** The database's name. */
  name: text,
  user: text,
  /** The ARN of a Secrets Manager secret with the user's password, as text or as `password` of a JSON object. */
  secret: text.optional(),
  /** The ARN of the customer managed KMS key that encrypts the secret. By default AWS's own key for Secrets Manager. */
  key: key.optional(),
  reader: Reader.optional(),
  /** The server's max_connections. With it, a stage whose steps need more is refused before it is deployed. */
  maxConnections: z.int().min(1).max(262_143).optional(),
  /** In place of a secret: the resource id of an RDS instance or Aurora cluster whose user logs in by IAM. */
  resourceId: z
    .string()
    .regex(/^(db|cluster)-[A-Z0-9]+$/, "is not the resource id of an RDS instance: 'db-…'")
    .optional(),
  /**
   * For a server that is not RDS, who signed its certificate: the path of a PEM file, or `public` for the authorities
   * that Node trusts. By default the certificate must be of one of RDS's authorities.
   */
  ca: Authorities.exactOptional(),
  /** By default the connection is encrypted and the server's certificate verified. */
  tls: z.literal('off').exactOptional(),
})
  .refine(({ host, tls }) => tls === undefined || ['127.0.0.1', 'localhost', '::1'].includes(host), {
    path: ['tls'],
    error: "'off' is only for a server on this machine, called by functions of an emulator: leave it out",
  })
  .refine(({ secret, resourceId }) => (secret === undefined) !== (resourceId === undefined), {
    path: ['secret'],
    error:
      "a database has either a 'secret', the ARN of its password, or a 'resourceId', to log in by IAM: give one of them",
  })
  .refine(({ secret, key }) => key === undefined || secret !== undefined, {
    path: ['key'],
    error: "the key encrypts the secret, and this database has no 'secret': leave it out",
  })
  .refine(({ secret, reader }) => reader === undefined || (reader.secret === undefined) === (secret === undefined), {
    path: ['reader'],
    error:
      "the reader logs in as the functions' user does: give it a 'secret' where this database has one, and none otherwise",
  })
  .refine(({ user, reader }) => reader?.user !== user, {
    path: ['reader'],
    error: "the reader is the functions' user, which may write: name a user that may only read",
  })
  .superRefine(({ host, resourceId, ca, tls }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (tls === 'off' && ca !== undefined)
      refuse('ca', "tls is 'off', so there is no certificate: leave one of them out");
    if (isOfRds(host)) {
      if (ca !== undefined) refuse('ca', `the authorities of RDS are known, and '${host}' is RDS: leave it out`);
    } else if (resourceId !== undefined) {
      refuse(
        'host',
        `to log in by IAM, a function needs the endpoint of the instance itself, such as ${EXAMPLE}, not '${host}': ` +
          "write that; for a server that is not RDS, give 'secret' and 'ca' in place of 'resourceId'",
      );
    } else if (ca === undefined && tls !== 'off') {
      refuse(
        'ca',
        `'${host}' is not an endpoint of RDS (such as ${EXAMPLE}), so RDS did not sign its certificate: write that endpoint; or ` +
          "add 'ca', the path of a PEM file with the certificate of who did, or 'public' for an authority that Node trusts",
      );
    }
  });

export type GivenDatabase = z.infer<typeof GivenDatabase>;

const EXAMPLE = "'shop.abcdefghijkl.eu-west-1.rds.amazonaws.com'";

/** RDS issues its certificates for these names only, and IAM's tokens are for them. */
function isOfRds(host: string): boolean {
  return /\.rds\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?$/i.test(host);
}
