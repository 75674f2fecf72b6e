/**
 * Indents JSON without reading its values, so that each digit stays as it came. A text that is not JSON comes back with
 * line breaks at odd places, so call this for JSON only.
 */
export function prettyJson(text: string): string {
  let pretty = '';
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      depth += 1;
      pretty += token + line();
    } else if (token === '}' || token === ']') {
      depth = Math.max(0, depth - 1);
      const isEmpty = /[{[]\s*$/.test(pretty.slice(-MOST_INDENT));
      pretty = isEmpty ? pretty.trimEnd() + token : pretty + line() + token;
    } else if (token === ',') pretty += `,${line()}`;
    else pretty += token === ':' ? ': ' : token;
  }
  return pretty;
}

const TOKENS = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s"{}[\],:]+/g;
const MOST_INDENT = 400;

/** Tells whether a text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
