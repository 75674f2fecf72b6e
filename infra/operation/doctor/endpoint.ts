import { request as requestOverHttp } from 'node:http';
import { request as requestOverTls } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { isHere } from '../../../functions/clients/endpoint.ts';
import type { Finding } from './finding.ts';

/** A server that a sink sends to. */
export interface Endpoint {
  /** `sensors/alerts`. */
  readonly of: string;
  /** Its URL. Only its origin is asked and shown: whoever knows the rest may be allowed to send. */
  readonly url: string;
  /** Where the URL is said, for whoever has to correct it: `url in the pipeline`. */
  readonly saidIn: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Says what is wrong about a status, with what to do. Undefined: nothing is. */
  readonly judge?: (status: number) => { readonly wrong: string; readonly fix: string } | undefined;
}

/**
 * Asks a server of a sink for nothing (`HEAD /`), from this machine: whether it is reached, whether its certificate is
 * valid, and what time it has. Any status shows that it is there.
 */
export async function examineEndpoint(
  endpoint: Endpoint,
  { nowMillis, signal }: { readonly nowMillis: number; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const { of, judge } = endpoint;
  const { origin } = new URL(endpoint.url);
  try {
    const { status, date, certificateUntil } = await asked(endpoint, signal);
    const wrong = judge?.(status) ?? (status >= 500 ? broken(origin, status) : expiring(certificateUntil, nowMillis));
    const reached: Finding =
      wrong === undefined
        ? { of, what: 'endpoint', state: 'ok', found: `${origin} answers${untilText(certificateUntil)}` }
        : { of, what: 'endpoint', state: 'wrong', found: wrong.wrong, fix: wrong.fix };
    return [reached, ...clockFinding(of, origin, { date, nowMillis })];
  } catch (error) {
    signal.throwIfAborted();
    const { wrong, fix } = explained(error, endpoint);
    return [{ of, what: 'endpoint', state: 'wrong', found: `${origin} ${wrong}`, fix }];
  }
}

interface Reply {
  readonly status: number;
  readonly date: string | undefined;
  /** Undefined: the server speaks no TLS. */
  readonly certificateUntil: number | undefined;
}

const TIMEOUT_SECONDS = 10;

function asked({ url, headers = {} }: Endpoint, signal: AbortSignal): Promise<Reply> {
  const { origin, protocol } = new URL(url);
  const send = protocol === 'https:' ? requestOverTls : requestOverHttp;
  const timeout = AbortSignal.timeout(TIMEOUT_SECONDS * 1_000);
  return new Promise((resolve, reject) => {
    const options = { method: 'HEAD', headers, agent: false as const, signal: AbortSignal.any([signal, timeout]) };
    const request = send(`${origin}/`, options, (response) => {
      const until = (response.socket as Partial<TLSSocket>).getPeerCertificate?.().valid_to;
      resolve({
        status: response.statusCode ?? 0,
        date: response.headers.date,
        certificateUntil: until === undefined ? undefined : Date.parse(until),
      });
      response.resume();
    });
    request.once('error', reject);
    request.end();
  });
}

function broken(origin: string, status: number) {
  return { wrong: `${origin} answers ${status}`, fix: 'look at the server: while it answers so, the step waits' };
}

const DAY_MILLIS = 24 * 3_600_000;
const EXPIRES_SOON_DAYS = 7;

function expiring(untilMillis: number | undefined, nowMillis: number) {
  if (untilMillis === undefined || untilMillis - nowMillis > EXPIRES_SOON_DAYS * DAY_MILLIS) return undefined;
  const wrong = `its certificate expires at ${new Date(untilMillis).toISOString()}`;
  return { wrong, fix: 'renew it: once it has expired, the step waits' };
}

function untilText(untilMillis: number | undefined): string {
  if (untilMillis === undefined) return '';
  return `, with a certificate until ${new Date(untilMillis).toISOString().slice(0, 10)}`;
}

/** AWS and receivers of webhooks refuse what was signed at another time than this. */
const MOST_APART_MILLIS = 5 * 60_000;

function clockFinding(
  of: string,
  origin: string,
  { date, nowMillis }: { readonly date: string | undefined; readonly nowMillis: number },
): readonly Finding[] {
  const apart = nowMillis - Date.parse(date ?? '');
  if (!(Math.abs(apart) > MOST_APART_MILLIS)) return [];
  const minutes = Math.round(Math.abs(apart) / 60_000);
  return [
    {
      of,
      what: 'clock',
      state: 'wrong',
      found: `${origin} is ${minutes} minutes ${apart > 0 ? 'behind' : 'ahead of'} this machine: signatures are valid for 5 minutes`,
      fix: 'correct the clock that is wrong: on this machine, timedatectl set-ntp true',
    },
  ];
}

const NO_AUTHORITY =
  'let the server send a certificate of a public authority, with those between: functions trust no other';

/** Says what each failure means, by its code (Node.js, OpenSSL). */
const FAILURES: Readonly<Record<string, readonly [wrong: string, fix: string]>> = {
  CERT_HAS_EXPIRED: ['has a certificate that has expired', 'renew the certificate'],
  CERT_NOT_YET_VALID: ['has a certificate that is not valid yet', 'look at the clocks of both machines'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['has a certificate of another host', 'correct the host, or the certificate'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['has signed its certificate itself', NO_AUTHORITY],
  SELF_SIGNED_CERT_IN_CHAIN: ['has a certificate of an authority that nobody knows', NO_AUTHORITY],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['has a certificate of an authority that nobody knows', NO_AUTHORITY],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['has a certificate of an authority that nobody knows', NO_AUTHORITY],
};

function explained(error: unknown, { url, saidIn }: Endpoint): { readonly wrong: string; readonly fix: string } {
  const { code = '', name } = error as NodeJS.ErrnoException;
  const known = FAILURES[code];
  if (known !== undefined) return { wrong: known[0], fix: known[1] };
  if (/^(EPROTO|ERR_SSL_)/.test(code))
    return { wrong: 'does not speak TLS', fix: `correct ${saidIn}, or let the server speak TLS 1.2 or newer` };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return { wrong: 'has a host that has no address', fix: `correct the host of ${saidIn}` };
  const isLocal = isHere(new URL(url));
  const reach = isLocal ? 'start the server' : 'let it be reached from the internet: functions have no fixed address';
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR')
    return { wrong: `does not answer within ${TIMEOUT_SECONDS} s`, fix: reach };
  if (code === 'ECONNREFUSED') return { wrong: 'takes no connection', fix: `correct ${saidIn}, or ${reach}` };
  return { wrong: `is not reached: ${code || (error as Error).message}`, fix: reach };
}
