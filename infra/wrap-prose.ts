/** The greatest width of a line of prose in a generated page. */
const COLUMNS = 120;

/**
 * Wraps the paragraphs and list items of a Markdown page at 120 columns. Tables, code, HTML and headings stay as they
 * are.
 */
export function wrapProse(page: string): string {
  const lines: string[] = [];
  let inCode = false;
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) inCode = !inCode;
    if (inCode || line.length <= COLUMNS || /^(```|\||<|#| {4})/.test(line)) lines.push(line);
    else lines.push(...wrapLine(line));
  }
  return lines.join('\n');
}

function wrapLine(line: string): readonly string[] {
  const indent = ' '.repeat(/^ *(?:[-*] |\d+\. )?/.exec(line)?.[0].length ?? 0);
  const [first = '', ...words] = line.slice(indent.length).split(' ');
  const lines = [line.slice(0, indent.length) + first];
  for (const word of words) {
    const last = lines.at(-1) ?? '';
    if (last.length + 1 + word.length <= COLUMNS) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}
