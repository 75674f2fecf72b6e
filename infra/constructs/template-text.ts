/**
 * Turns a template's value into text. Values that only the deployment knows become `<name>`; objects and lists keep
 * their shape.
 */
export function templateText(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(templateText);
  const [[fn, argument] = ['', undefined], ...others] = Object.entries(value);
  if (others.length === 0 && fn === 'Ref') return `<${argument}>`;
  if (others.length === 0 && fn === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (others.length === 0 && fn === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map(templateText).join(separator);
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, templateText(inner)]));
}
