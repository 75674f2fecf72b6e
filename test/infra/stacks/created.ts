import type { SynthesizedStage } from './synthesized.ts';

/** Lists the resources of a stage as a Markdown table: a row for each type, a column for each stack. */
export function createdTable(stage: SynthesizedStage): string {
  const stacks = [...stage.stacks].map(([name, { template }]) => {
    const { Resources } = template.toJSON() as { Resources: Record<string, { readonly Type: string }> };
    return {
      name: name.replace('millrace-dev', 'millrace-<stage>'),
      types: Object.values(Resources).map(({ Type }) => Type),
    };
  });
  const types = [...new Set(stacks.flatMap((stack) => stack.types))].filter((type) => type !== 'AWS::CDK::Metadata');
  const rows = types.toSorted().map((type) => {
    const counts = stacks.map((stack) => stack.types.filter((each) => each === type).length || '');
    return `| ${[`\`${type.replace('AWS::', '')}\``, ...counts].join(' | ')} |`;
  });
  const columns = ['', ...stacks.map(({ name }) => `\`${name}\``)];
  return [`| ${columns.join(' | ')} |`, `|${columns.map(() => '---').join('|')}|`, ...rows].join('\n');
}
