import { readdir, readFile, readlink } from 'node:fs/promises';

/** Lists where processes listen for TCP, such as `127.0.0.1:4566`, as Linux's /proc has it. */
export async function listeningSockets(pids: readonly number[]): Promise<readonly string[]> {
  const own = new Set((await Promise.all(pids.map(socketsOf))).flat());
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((table) => readFile(`/proc/net/${table}`, 'utf8').catch(() => '')),
  );
  return tables.flatMap((table) =>
    table
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode = '']) => state === LISTENING && own.has(inode))
      .map(([, address = '']) => readable(address)),
  );
}

const LISTENING = '0A';

/** The inodes of a process's sockets. None when the process has ended. */
async function socketsOf(pid: number): Promise<readonly string[]> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

/** The kernel writes an IPv4 address as one number in the byte order of the machine, and IPv6 as four. */
function readable(address: string): string {
  const [host = '', port = ''] = address.split(':');
  const at = host.length === 8 ? [...Buffer.from(host, 'hex').reverse()].join('.') : `[${host}]`;
  return `${at}:${Number.parseInt(port, 16)}`;
}
