/** Writes an element with text that is escaped already, or with elements. */
export function element(name: string, content: string | readonly string[]): string {
  return `<${name}>${typeof content === 'string' ? content : content.join('')}</${name}>`;
}

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"\p{Cc}]/gu, (character) => `&#${character.codePointAt(0)};`);
}

/** Finds the text of every element of a name, in order. The requests of S3's clients have no attributes. */
export function textsOf(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => unescaped(text));
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replaceAll(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]+);/gi, (entity) => {
    const inside = entity.slice(1, -1);
    if (!inside.startsWith('#')) return NAMED[inside] ?? entity;
    return String.fromCodePoint(Number(inside.startsWith('#x') ? `0${inside.slice(1)}` : inside.slice(1)));
  });
}
