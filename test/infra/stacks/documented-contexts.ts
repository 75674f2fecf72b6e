import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from '../../../infra/repository.ts';

export interface DocumentedContext {
  /** The command as it stands in the page. */
  readonly command: string;
  /** The context as the CDK's command line passes it to the app. */
  readonly context: Readonly<Record<string, string>>;
}

/** Finds every distinct `cdk` command in docs/deploy.md and the README, with its context. */
export async function documentedContexts(): Promise<readonly DocumentedContext[]> {
  const pages = await Promise.all(
    ['docs/deploy.md', 'README.md'].map((page) => readFile(join(REPOSITORY, page), 'utf8')),
  );
  const commands = pages.flatMap(
    (page) => page.replaceAll(/\\\n\s*/g, '').match(/^npx cdk (?:synth|deploy|diff)\b.*$/gm) ?? [],
  );
  const contexts = commands.map((command) => ({ command, context: contextOf(command) }));
  return [...new Map(contexts.map((each) => [JSON.stringify(each.context), each])).values()];
}

/** Matches `-c key=value`, where the value may be in quotes. */
function contextOf(command: string): Record<string, string> {
  const given = command.matchAll(/ -c ([a-zA-Z]+)=(?:'([^']*)'|(\S+))/g);
  return Object.fromEntries([...given].map(([, key, quoted, plain]) => [key as string, quoted ?? plain ?? '']));
}
