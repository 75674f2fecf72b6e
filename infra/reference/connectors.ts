import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ConnectorName, connectors } from '../connectors.ts';
import { wrapProse } from '../wrap-prose.ts';
import { connectorTexts } from './connector-texts.ts';
import { optionTable } from './option-table.ts';
import { stepOptions, stepTexts } from './step-texts.ts';

const INTRODUCTION = `<!-- Written by \`node infra/reference/connectors.ts\`. Tests compare this page with that, and run every example. -->

# Connectors

A source brings events into a stream, a sink writes a stream somewhere else. A pipeline (\`infra/pipelines/\`) names both as plain data. TypeScript checks the options below when the pipeline is compiled, and the function checks them again when it starts.

Each example is a pipeline. It imports \`z\` from \`zod\`, and \`definePipeline\`, \`streamOf\`, \`minutes\` and \`hours\` from \`./pipeline.ts\`.`;

const ONCE = `*Once*, on this page, means: a crash, a retry or a batch that is delivered twice does not make an event count twice for a Millrace step that reads it. That holds for events that Millrace's own steps append. An event that another producer appends twice counts twice, unless the stream is declared \`idempotent: true\` and the producer gives every event a \`source\` and a \`sequence\`: a whole number that grows, with one request in flight for each source. The 2,000 sources that sent last are remembered.`;

/** Writes docs/connectors.md: every source and sink with all of its options, and what each kind of step guarantees. */
export function connectorPage(): string {
  const names = Object.keys(connectors) as ConnectorName[];
  const ofKind = (kind: 'source' | 'sink') => names.filter((name) => connectors[name].kind === kind).map(connectorPart);
  return wrapProse(
    `${[
      INTRODUCTION,
      tableOfContents(names),
      '## Sources',
      ...ofKind('source'),
      '## Sinks',
      ...ofKind('sink'),
      '## Kinds of step',
      ONCE,
      stepOptionTable(),
      ...stepTexts.map(({ title, guarantees }) => `### ${title}\n\n*Delivery guarantees.* ${guarantees}`),
    ].join('\n\n')}\n`,
  );
}

function tableOfContents(names: readonly ConnectorName[]): string {
  const rows = names.map((name) => {
    const { kind, delivery } = connectors[name];
    const { call } = connectorTexts[name];
    return `| [\`${call}\`](#${call.toLowerCase()}) | ${kind} | ${DELIVERIES[delivery]} |`;
  });
  return ['| | | how its step is called |', '|---|---|---|', ...rows].join('\n');
}

const DELIVERIES: Readonly<Record<(typeof connectors)[ConnectorName]['delivery'], string>> = {
  request: 'by requests to a function URL',
  queue: 'by announcements in a queue',
  pulled: 'on a schedule, and reads until its time is over',
  scheduled: 'on a schedule',
  either: 'continuously, or on a schedule',
};

function connectorPart(name: ConnectorName): string {
  const { call, beside = [], module, options, summary, guarantees } = connectorTexts[name];
  return [
    `### ${call}`,
    summary,
    `*Delivery guarantees.* ${guarantees}`,
    optionTable(call, options),
    `\`\`\`ts\nimport { ${[call, ...beside].sort().join(', ')} } from '../../${module}';\n\n${exampleOf(name)}\n\`\`\``,
  ].join('\n\n');
}

function stepOptionTable(): string {
  const rows = Object.entries(stepOptions).map(([name, { of, meaning }]) => `| \`${name}\` | ${of} | ${meaning} |`);
  return ['| a step says | of | |', '|---|---|---|', ...rows].join('\n');
}

/** The lines of connector-examples.ts between `#region <connector>` and `#endregion`. */
function exampleOf(name: ConnectorName): string {
  const file = resolve(import.meta.dirname, 'connector-examples.ts');
  const [, rest] = readFileSync(file, 'utf8').split(`// #region ${name}\n`);
  if (rest === undefined) throw new Error(`${file} has no example for '${name}': add one after // #region ${name}`);
  return rest.slice(0, rest.indexOf('// #endregion')).trimEnd();
}

if (import.meta.main) writeFileSync(resolve(import.meta.dirname, '../../docs/connectors.md'), connectorPage());
