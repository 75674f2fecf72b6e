import { workerData } from 'node:worker_threads';

/**
 * The program of the thread that watches an instance. It kills the process when that uses more memory than the function
 * has, or when the host is gone.
 */
const { limitBytes, hostPid } = workerData as { limitBytes: number; hostPid: number };

setInterval(() => {
  const isTooLarge = process.memoryUsage.rss() > limitBytes;
  if (isTooLarge || process.ppid !== hostPid) process.kill(process.pid, 'SIGKILL');
}, 50);
