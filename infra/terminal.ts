import { inspect } from 'node:util';

/** A stream that may be a terminal, such as `process.stdout`. */
export type MaybeTerminal = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Makes text safe for a terminal: events and names come from producers who must not control it. Writes each control
 * character, bidi control and line separator as `\u001b`, except line breaks and tabs. JSON keeps its meaning, because
 * JSON has these characters only inside strings.
 */
export function cleaned(text: string): string {
  return text.replaceAll(UNSAFE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const UNSAFE = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Makes text safe for a terminal, and keeps it on one line. */
export function cleanedLine(text: string): string {
  return cleaned(text.replaceAll(/\r?\n/g, ' ')).replaceAll('\t', ' ');
}

/** Cleans what goes to a terminal. Whatever goes to a file or a pipe stays as it is. */
export function cleanedFor(stream: MaybeTerminal, output: string | Buffer): string | Buffer {
  return stream.isTTY === true ? cleaned(output.toString()) : output;
}

/** Prints lines to standard output. */
export function print(text: string): void {
  console.log(cleanedFor(process.stdout, text));
}

/** Prints lines to standard error; of an error without a plain message, its stack too. */
export function printError(error: unknown): void {
  console.error(cleanedFor(process.stderr, typeof error === 'string' ? error : inspect(error)));
}

/** Prints a line to standard output that is clean already, and has colours of our own. */
export function printColoured(line: string): void {
  console.log(line);
}
