import type { AddressInfo } from 'node:net';
import type { StartContender, Surroundings } from './contender.js';

/** What this process says of itself when it is asked: everything since it started. */
export interface ServerMark {
  /** In microseconds. */
  readonly cpu: number;
  /** In bytes, after a collection where `--expose-gc` lets it. */
  readonly heap: number;
  /** What keeps the event loop alive, such as timers and sockets. */
  readonly resources: readonly string[];
}

const [module = '', surroundings = '{}'] = process.argv.slice(2);
const { start } = (await import(module)) as { start: StartContender };
const server = await start(JSON.parse(surroundings) as Surroundings);
server.keepAliveTimeout = 600_000;

process.on('message', (message) => {
  if (message === 'collect') (globalThis as { gc?: () => void }).gc?.();
  const { user, system } = process.cpuUsage();
  const mark: ServerMark = {
    cpu: user + system,
    heap: process.memoryUsage().heapUsed,
    resources: process.getActiveResourcesInfo(),
  };
  process.send?.(mark);
});
process.on('disconnect', () => process.exit());
process.send?.({ port: (server.address() as AddressInfo).port });
