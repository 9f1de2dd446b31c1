import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/**
 * The CPU time of a process with its threads, and of all of its descendants, in microseconds. The scheduler's count is
 * exact. The parent counts children that have ended in ticks of 10 ms; threads that have ended are not counted.
 */
export function treeCpu(pid: number): number {
  const own = readdirSync(`/proc/${pid}/task`)
    .map((thread) =>
      safely(() => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])),
    )
    .reduce((sum, nanoseconds) => sum + nanoseconds / 1000, 0);
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, , , , , , , , , , , , , cutime = '0', cstime = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const reaped = (Number(cutime) + Number(cstime)) * 10_000;
  return own + reaped + childrenOf(pid).reduce((sum, child) => sum + safely(() => treeCpu(child)), 0);
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** A child or a thread may end during the measurement. The CPU time of a child is then part of its parent's count. */
function safely(read: () => number): number {
  try {
    return read();
  } catch {
    return 0;
  }
}

/** Whether processes can be pinned: on Linux with more than one core. */
export function canPin(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return cpus().length > 1;
  } catch {
    return false;
  }
}

/** Pins this process and every process that it starts from now on. */
export function pinSelf(core: number): void {
  execFileSync('taskset', ['-a', '-cp', String(core), String(process.pid)], { stdio: 'ignore' });
}
