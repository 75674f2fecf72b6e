import type { Caller } from './caller.ts';
import { signed } from './signature.ts';

/** A service's answer to a call, and whether the call succeeded. */
export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly said: string;
}

interface Call {
  readonly service: string;
  readonly type: string;
  readonly body: string;
  readonly target?: string;
}

/** Calls a service with AWS's Query protocol (IAM, STS), for which the repository has no client. The answer is XML. */
export function callQuery(
  service: string,
  parameters: Readonly<Record<string, string>>,
  caller: Caller,
): Promise<Answer> {
  const body = new URLSearchParams(parameters).toString();
  return call({ service, type: 'application/x-www-form-urlencoded', body }, caller);
}

/** The services with AWS's JSON protocol, each with the beginning of its targets. */
const JSON_SERVICES = { logs: 'Logs_20140328', events: 'AWSEvents' } as const;

/** Calls CloudWatch Logs or EventBridge: `logs:CreateLogStream`. The answer is JSON. */
export function callJson(
  action: `${keyof typeof JSON_SERVICES}:${string}`,
  parameters: object,
  caller: Caller,
): Promise<Answer> {
  const [service, name] = action.split(':') as [keyof typeof JSON_SERVICES, string];
  const target = `${JSON_SERVICES[service]}.${name}`;
  return call({ service, type: 'application/x-amz-json-1.1', body: JSON.stringify(parameters), target }, caller);
}

async function call({ service, type, body, target }: Call, caller: Caller): Promise<Answer> {
  const bytes = Buffer.from(body);
  const url = caller.endpoint ?? urlOf(service, caller.region);
  const headers = {
    ...signed({ service, host: new URL(url).host, body: bytes, type }, caller),
    ...(target === undefined ? {} : { 'x-amz-target': target }),
  };
  const reply = await fetch(`${url}/`, { method: 'POST', headers, body: bytes });
  return { ok: reply.ok, status: reply.status, said: await reply.text() };
}

/** Returns a service's URL on AWS. IAM has one URL for all regions. */
function urlOf(service: string, region: string): string {
  return service === 'iam' ? 'https://iam.amazonaws.com' : `https://${service}.${region}.amazonaws.com`;
}
