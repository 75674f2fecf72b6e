import { isEndpoint, isHere } from '../../../functions/clients/endpoint.ts';
import { endpointIsOverridden } from '../../../functions/runtime/step-config.ts';
import { isLogin } from '../../../functions/sinks/opensearch/authorize.ts';
import { signingKeyIn } from '../../../functions/sinks/webhook/request.ts';
import type { ReaderPlan } from '../../pipelines/plan.ts';
import { type Endpoint, examineEndpoint } from './endpoint.ts';
import type { Finding } from './finding.ts';
import { examineSecret, type StageWithSecrets } from './secret.ts';

type Sink = Pick<ReaderPlan, 'pipeline' | 'name'> & { readonly connector: string; readonly options: unknown };

interface WebhookOptions {
  readonly url?: string;
  readonly signed: boolean;
}

interface OpenSearchOptions {
  readonly endpoint: string;
  readonly arn?: string;
}

/** Looks at the servers that a sink of a stage sends to, and at the secrets that it needs for that. */
export async function examineDestination(
  sink: Sink,
  stage: StageWithSecrets,
  nowMillis: number,
): Promise<readonly Finding[]> {
  const secret = (purpose: string, faultIn: (text: string) => string | undefined) =>
    examineSecret({ pipeline: sink.pipeline, step: sink.name, purpose, faultIn }, stage);
  const at = { nowMillis, signal: stage.signal };
  const of = `${sink.pipeline}/${sink.name}`;
  switch (sink.connector) {
    case 'webhook': {
      const { url, signed } = sink.options as WebhookOptions;
      const key = signed ? await secret('signing-key', keyFault) : undefined;
      const stored = url === undefined ? await secret('url', urlFault) : undefined;
      const to = url ?? stored?.text?.trim();
      const saidIn = url === undefined ? 'the secret `url`' : '`url` in the pipeline';
      return [
        ...[key, stored].flatMap((one) => (one === undefined ? [] : [one.finding])),
        ...(to === undefined ? [] : await examineEndpoint({ of, url: to, saidIn }, at)),
      ];
    }
    case 'opensearch': {
      const { endpoint, arn } = sink.options as OpenSearchOptions;
      const login = arn === undefined ? await secret('login', loginFault) : undefined;
      return [
        ...(login === undefined ? [] : [login.finding]),
        ...(await examineEndpoint(searchEndpoint(of, endpoint, login?.text), at)),
      ];
    }
    case 'iceberg':
      // A server that stands for AWS has a catalogue of its own.
      if (endpointIsOverridden()) return [];
      return examineEndpoint(catalogEndpoint(of, sink.options as IcebergOptions, stage), at);
    default:
      return [];
  }
}

function searchEndpoint(of: string, url: string, login: string | undefined): Endpoint {
  const common = { of, url, saidIn: '`endpoint` in the pipeline' };
  // With an ARN, it is the role of the function that may ask. Whoever runs doctor need not.
  if (login === undefined) return common;
  return {
    ...common,
    headers: { authorization: `Basic ${Buffer.from(login.trim()).toString('base64')}` },
    judge: (status) =>
      status === 401 || status === 403
        ? {
            wrong: `${new URL(url).origin} answers ${status}: it does not accept the login`,
            fix: 'correct user and password in the secret `login`, or the rights of that user',
          }
        : undefined,
  };
}

interface IcebergOptions {
  readonly catalog: 'glue' | 's3tables';
}

function catalogEndpoint(of: string, { catalog }: IcebergOptions, { target: { names } }: StageWithSecrets): Endpoint {
  const [, , , region = ''] = names.arnOf(catalog, '').split(':');
  return { of, url: `https://${catalog}.${region}.amazonaws.com/iceberg`, saidIn: 'the region of the stage' };
}

/**
 * Looks at the servers that the sinks of a dev send to. Most requests stay on this machine: dev itself takes them, and
 * needs no secret for that.
 */
export async function examineDestinationOfDev(
  sink: Sink,
  at: { readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const of = `${sink.pipeline}/${sink.name}`;
  const { url, endpoint = url } = sink.options as { readonly url?: string; readonly endpoint?: string };
  if (!['webhook', 'opensearch', 'iceberg'].includes(sink.connector)) return [];
  if (sink.connector !== 'iceberg' && endpoint !== undefined && isHere(new URL(endpoint)))
    return examineEndpoint({ of, url: endpoint, saidIn: 'the URL in the pipeline' }, at);
  return [{ of, what: 'endpoint', state: 'ok', found: 'dev takes its requests, and needs no secret' }];
}

function keyFault(text: string): string | undefined {
  try {
    signingKeyIn(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function urlFault(text: string): string | undefined {
  if (isEndpoint(text.trim())) return undefined;
  return "it is no URL of https: store the receiver's URL as its whole value (of Slack, that of an incoming webhook)";
}

function loginFault(text: string): string | undefined {
  return isLogin(text.trim()) ? undefined : 'it is no login: store user:password as its whole value';
}
