import type { AddressInfo } from 'node:net';
import type { ContenderSettings, StartContender } from './contender.js';

/** Figures that this process reports on request. CPU time counts from its start. */
export interface ServerMark {
  /** In microseconds. */
  readonly cpu: number;
  /** In bytes. With `--expose-gc`, `collect` runs a garbage collection first. */
  readonly heap: number;
  /** The types of the resources that keep the event loop alive, such as timers and sockets. */
  readonly resources: readonly string[];
}

const [module = '', settings = '{}'] = process.argv.slice(2);
const { start } = (await import(module)) as { start: StartContender };
const server = await start(JSON.parse(settings) as ContenderSettings);
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
