const LONGEST_URL = 2_048;

/** Tells whether a text is a URL that requests may go to: of https, or of a server on this machine. */
export function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || text.length > LONGEST_URL || /\s/.test(text)) return false;
  const { protocol, username, password, hash } = url;
  return (protocol === 'https:' || (protocol === 'http:' && isHere(url))) && username + password + hash === '';
}

/** Tells whether a URL is of a server on this machine. */
export function isHere({ hostname }: URL): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
}
