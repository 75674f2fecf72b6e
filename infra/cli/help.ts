import type { Command } from './command.ts';

/** Formats what `millrace --help` prints: every command with its summary. */
export function overview(commands: Readonly<Record<string, Command>>): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(12)}  ${summary}`);
  return [
    'millrace: event-driven ETL on managed AWS',
    '',
    'usage: millrace <command> [arguments] [options]',
    '',
    ...lines,
    '',
    'millrace <command> --help shows the arguments, the options and an example.',
  ].join('\n');
}

/** Formats what `millrace <command> --help` prints: usage, purpose, options and examples. */
export function helpOf(name: string, { usage, summary, help, examples }: Command): string {
  const purpose = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  const shown = [examples.length === 1 ? 'Example:' : 'Examples:', ...examples.map((example) => `  ${example}`)];
  return [`usage: ${`millrace ${name} ${usage}`.trimEnd()}`, '', purpose, '', help, '', ...shown].join('\n');
}
