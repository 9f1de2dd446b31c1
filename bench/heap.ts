import type { BenchServer } from './database.js';
import { secretKey } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';

/** The heap and open resources of our server after a number of callbacks, measured after a garbage collection. */
export interface HeapMark {
  readonly callbacks: number;
  readonly kilobytes: number;
  /** The number of resources of each type that keep the event loop alive. */
  readonly resources: Readonly<Record<string, number>>;
}

const portion = 10_000;

/** Sends callbacks of new payments. A callback without a row would wait for it. */
export async function measureHeap(server: BenchServer, total: number): Promise<HeapMark[]> {
  const database = await server.database('heap');
  const settings = { databaseUrl: database.url, secretKey };
  const contender = await ContenderProcess.start('ours/node-http', settings, { flags: ['--expose-gc'] });
  const generator = new LoadProcess();
  const marks: HeapMark[] = [];
  for (let callbacks = portion; callbacks <= total; callbacks += portion) {
    const series = `HEAP${callbacks}`;
    await database.seed(series, portion);
    await generator.prepare({ port: contender.port, connections: 64, series, from: 1, count: portion });
    const { refused } = await generator.run();
    if (refused > 0) throw new Error(`${refused} postbacks were refused`);
    if (![portion, 2 * portion, total / 10, total / 2, total].includes(callbacks)) continue;
    // The server closes the sockets of the generator a moment later.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await contender.mark('collect');
    const { heap, resources } = await contender.mark('collect');
    const counts: Record<string, number> = {};
    for (const resource of resources) counts[resource] = (counts[resource] ?? 0) + 1;
    marks.push({ callbacks, kilobytes: Math.round(heap / 1024), resources: counts });
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  contender.stop();
  generator.stop();
  await database.end();
  return marks;
}
