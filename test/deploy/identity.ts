import type { Server } from './server.ts';
import { signed } from './signature.ts';

/** A role's statement, as IAM keeps it. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

export interface Policy {
  readonly Version: string;
  readonly Statement: readonly PolicyStatement[];
}

export interface PolicyOf {
  readonly role: string;
  readonly policy: string;
}

/** IAM and STS, which no client of the repository's calls. */
export interface Identity {
  /** Names of a role's inline policies. */
  policiesOf(role: string): Promise<readonly string[]>;
  policy(of: PolicyOf): Promise<Policy>;
  /** In effect from the next call on. */
  putPolicy(of: PolicyOf, policy: Policy): Promise<void>;
  /** Credentials of a session of the role, as a service has that assumes it. */
  assume(roleArn: string): Promise<Server['credentials']>;
}

export function openIdentity(server: Server): Identity {
  const iam = (parameters: Readonly<Record<string, string>>) =>
    call('iam', { ...parameters, Version: '2010-05-08' }, server);
  return {
    policiesOf: async (role) => textsOf('member', await iam({ Action: 'ListRolePolicies', RoleName: role })),
    async policy({ role, policy }) {
      const said = await iam({ Action: 'GetRolePolicy', RoleName: role, PolicyName: policy });
      return JSON.parse(decodeURIComponent(textOf('PolicyDocument', said))) as Policy;
    },
    async putPolicy({ role, policy }, document) {
      const PolicyDocument = JSON.stringify(document);
      await iam({ Action: 'PutRolePolicy', RoleName: role, PolicyName: policy, PolicyDocument });
    },
    async assume(roleArn) {
      const asked = { Action: 'AssumeRole', RoleArn: roleArn, RoleSessionName: 'deploy-suite', Version: '2011-06-15' };
      const said = await call('sts', asked, server);
      return {
        accessKeyId: textOf('AccessKeyId', said),
        secretAccessKey: textOf('SecretAccessKey', said),
        sessionToken: textOf('SessionToken', said),
      };
    },
  };
}

async function call(
  service: 'iam' | 'sts',
  parameters: Readonly<Record<string, string>>,
  server: Server,
): Promise<string> {
  const { host } = new URL(server.endpoint);
  const body = Buffer.from(new URLSearchParams(parameters).toString());
  const headers = signed({ service, host, body, type: 'application/x-www-form-urlencoded' }, server);
  const reply = await fetch(`${server.endpoint}/`, { method: 'POST', headers, body });
  const said = await reply.text();
  if (!reply.ok) throw new Error(`${parameters.Action} was answered with ${reply.status}: ${said}`);
  return said;
}

function textOf(tag: string, xml: string): string {
  const [value] = textsOf(tag, xml);
  if (value === undefined) throw new Error(`there is no ${tag} in ${xml}`);
  return value;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#x27': "'" };

function textsOf(tag: string, xml: string): readonly string[] {
  const found = [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, value = '']) => value);
  return found.map((value) => value.replaceAll(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole));
}
