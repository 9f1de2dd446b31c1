import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The memory that this process uses, without garbage, in bytes. */
export async function memoryInUse(): Promise<number> {
  // The memory of buffers is freed a little later, and counted until then.
  for (let times = 0; times < 3; times++) {
    collectGarbage();
    await sleep(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
