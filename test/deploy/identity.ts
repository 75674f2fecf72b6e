import type { Caller } from './caller.ts';
import { callQuery } from './signed-call.ts';

/** A statement of a role, as IAM stores it. */
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

/** Calls of IAM and STS, for which the repository has no client. */
export interface Identity {
  /** Returns the names of all roles. */
  roles(): Promise<readonly string[]>;
  /** Returns the names of a role's inline policies. */
  policiesOf(role: string): Promise<readonly string[]>;
  policy(of: PolicyOf): Promise<Policy>;
  /** Replaces a policy. The change takes effect with the next call. */
  putPolicy(of: PolicyOf, policy: Policy): Promise<void>;
  /** Lets every identity of the account assume a role that only a service may assume. */
  openTo(role: string, account: string): Promise<void>;
  /** Assumes a role as a service does, and returns the session's credentials. */
  assume(roleArn: string): Promise<Caller['credentials']>;
}

export function openIdentity(caller: Caller): Identity {
  const iam = (parameters: Readonly<Record<string, string>>) =>
    call('iam', { ...parameters, Version: '2010-05-08' }, caller);
  return {
    roles: async () => textsOf('RoleName', await iam({ Action: 'ListRoles', MaxItems: '1000' })),
    policiesOf: async (role) => textsOf('member', await iam({ Action: 'ListRolePolicies', RoleName: role })),
    async policy({ role, policy }) {
      const said = await iam({ Action: 'GetRolePolicy', RoleName: role, PolicyName: policy });
      return JSON.parse(decodeURIComponent(textOf('PolicyDocument', said))) as Policy;
    },
    async putPolicy({ role, policy }, document) {
      const PolicyDocument = JSON.stringify(document);
      await iam({ Action: 'PutRolePolicy', RoleName: role, PolicyName: policy, PolicyDocument });
    },
    async openTo(role, account) {
      const anybody = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'sts:AssumeRole' };
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [anybody] });
      await iam({ Action: 'UpdateAssumeRolePolicy', RoleName: role, PolicyDocument });
    },
    async assume(roleArn) {
      const request = {
        Action: 'AssumeRole',
        RoleArn: roleArn,
        RoleSessionName: 'deploy-suite',
        Version: '2011-06-15',
      };
      const said = await call('sts', request, caller);
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
  caller: Caller,
): Promise<string> {
  const { ok, said } = await callQuery(service, parameters, caller);
  if (!ok) throw new Error(`${parameters.Action} failed: ${said}`);
  return said;
}

function textOf(tag: string, xml: string): string {
  const [value] = textsOf(tag, xml);
  if (value === undefined) throw new Error(`no ${tag} in ${xml}`);
  return value;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#x27': "'" };

function textsOf(tag: string, xml: string): readonly string[] {
  const found = [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, value = '']) => value);
  return found.map((value) => value.replaceAll(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole));
}
