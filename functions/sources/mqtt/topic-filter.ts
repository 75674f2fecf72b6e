/** Says what is wrong with a topic filter (MQTT 3.1.1, 4.7). Undefined when nothing is. */
export function filterFault(filter: string): string | undefined {
  if (filter === '' || Buffer.byteLength(filter) > 65_535 || filter.includes('\0'))
    return 'a topic filter has 1 to 65,535 bytes';
  const levels = filter.split('/');
  if (levels.slice(0, -1).includes('#')) return "'#' is the last level of a filter";
  const wild = levels.find((level) => level.length > 1 && /[+#]/.test(level));
  return wild === undefined ? undefined : `'${wild}': '+' and '#' are a level of their own`;
}
