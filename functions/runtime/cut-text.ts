/** Cuts a text for people after so many characters. Whatever was cut off becomes `…`. */
export function cutText(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters)}…` : text;
}
