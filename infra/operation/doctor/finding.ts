/** What doctor found about one thing of a stage. */
export interface Finding {
  /** The thing: `sensors/cleaning`, or a part of the platform. */
  readonly of: string;
  /** The part of it that was looked at: `function`, `mapping`. */
  readonly what: string;
  /**
   * - `ok`: as the repository deploys it.
   * - `wrong`: missing, or something else.
   * - `refused`: the credentials may not read it.
   * - `unanswered`: the server that stands for AWS does not know the call.
   * - `absent`: not deployed in this stage, which is no fault: a pipeline, or the function that asks the database.
   */
  readonly state: 'ok' | 'wrong' | 'refused' | 'unanswered' | 'absent';
  readonly found: string;
  /** What to do. Missing when there is nothing to do. */
  readonly fix?: string;
}

/** One call that reads, and what its reply has to be. */
export interface Look<R> {
  readonly of: string;
  readonly what: string;
  /** The right that the call takes, `lambda:GetFunctionConfiguration`, and the resource that it takes the right for. */
  readonly right: readonly [action: string, resource: string];
  read(): Promise<R>;
  judge(reply: R): Verdict;
  /** What to do when the thing does not exist. */
  readonly ifMissing: string;
}

export type Verdict = { readonly ok: string } | { readonly wrong: string; readonly fix: string };

/**
 * Makes a call and judges the reply. An error that says something about the thing becomes a finding. Rejects with every
 * other error: no credentials, no network.
 */
export async function look<R>({ of, what, right, read, judge, ifMissing }: Look<R>): Promise<Finding> {
  try {
    const verdict = judge(await read());
    if ('ok' in verdict) return { of, what, state: 'ok', found: verdict.ok };
    return { of, what, state: 'wrong', found: verdict.wrong, fix: verdict.fix };
  } catch (error) {
    const [action, resource] = right;
    const kind = kindOf(error);
    if (kind === 'missing') return { of, what, state: 'wrong', found: 'is missing', fix: ifMissing };
    if (kind === 'refused') {
      const found = `your credentials lack ${action}`;
      return { of, what, state: 'refused', found, fix: `allow ${action} on ${resource}` };
    }
    if (kind === 'unanswered') return { of, what, state: 'unanswered', found: `the server does not know ${action}` };
    throw error;
  }
}

const MISSING: ReadonlySet<unknown> = new Set([
  ...['ResourceNotFoundException', 'QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'],
  ...['NoSuchBucket', 'NotFound'],
]);
const UNKNOWN_CALL: ReadonlySet<unknown> = new Set([
  ...['UnknownOperationException', 'NotImplemented', 'UnsupportedOperation', 'InvalidAction'],
]);
/** HEAD replies have no body: their errors have no name of their own. */
const REFUSED = /^(AccessDenied|AuthorizationError|UnauthorizedOperation|Forbidden|403$)/;

function kindOf(error: unknown): 'missing' | 'refused' | 'unanswered' | undefined {
  if (!(error instanceof Error)) return undefined;
  const { httpStatusCode } = (error as { $metadata?: { httpStatusCode?: number } }).$metadata ?? {};
  if (MISSING.has(error.name)) return 'missing';
  if (REFUSED.test(error.name) || (httpStatusCode === 403 && /^Unknown/.test(error.name))) return 'refused';
  if (UNKNOWN_CALL.has(error.name) || httpStatusCode === 501) return 'unanswered';
  return undefined;
}

/**
 * Says which of several values are not as they should be. Undefined when all are. Ignores what is there beside them.
 */
export function differences(
  expected: Readonly<Record<string, unknown>>,
  found: Readonly<Record<string, unknown>>,
): string | undefined {
  const wrong = Object.entries(expected).flatMap(([name, value]) => {
    const [wanted, there] = [textOf(value), textOf(shaped(value, found[name]))];
    return wanted === there ? [] : [`${name} is ${there}, not ${wanted}`];
  });
  return wrong.length === 0 ? undefined : wrong.join('; ');
}

/** Keeps of a value the members that the expected value has, in the same order. */
function shaped(expected: unknown, found: unknown): unknown {
  if (!isObject(expected) || !isObject(found)) return found;
  return Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, shaped(value, found[name])]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
