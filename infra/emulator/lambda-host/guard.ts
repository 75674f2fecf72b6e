import { workerData } from 'node:worker_threads';

/**
 * The program of the thread that watches an instance: ends the process when it takes more memory than it has, or its
 * host is gone.
 */
const { limitBytes, hostPid } = workerData as { limitBytes: number; hostPid: number };

setInterval(() => {
  const isTooLarge = process.memoryUsage.rss() > limitBytes;
  if (isTooLarge || process.ppid !== hostPid) process.kill(process.pid, 'SIGKILL');
}, 50);
