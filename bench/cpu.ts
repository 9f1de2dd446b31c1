import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/**
 * CPU that a process and all of its descendants have used, in microseconds. The scheduler's own count is exact; that
 * of children who have ended is kept by their parent in ticks of 10 ms.
 */
export function treeCpu(pid: number): number {
  const own = Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1000;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, , , , , , , , , , , , , cutime = '0', cstime = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const reaped = (Number(cutime) + Number(cstime)) * 10_000;
  return own + reaped + childrenOf(pid).reduce((sum, child) => sum + safely(() => treeCpu(child)), 0);
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** A child that ended meanwhile counts with its parent's. */
function safely(read: () => number): number {
  try {
    return read();
  } catch {
    return 0;
  }
}

/** Whether processes can be pinned here: Linux, and more than one core. */
export function canPin(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return cpus().length > 1;
  } catch {
    return false;
  }
}

/** Pins this process, and all that it starts from now on. */
export function pinSelf(core: number): void {
  execFileSync('taskset', ['-a', '-cp', String(core), String(process.pid)], { stdio: 'ignore' });
}
