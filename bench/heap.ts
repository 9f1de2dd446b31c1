import type { BenchServer } from './database.js';
import { secretKey } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';

/** What our server's process holds after so many callbacks, each after a collection. */
export interface HeapMark {
  readonly callbacks: number;
  readonly kilobytes: number;
  /** What keeps its event loop alive, and how much of each. */
  readonly resources: Readonly<Record<string, number>>;
}

const portion = 10_000;

/** Sends callbacks of payments that nobody made: what is not found goes the same way, into the inbox. */
export async function measureHeap(server: BenchServer, total: number): Promise<HeapMark[]> {
  const database = await server.database('heap');
  const surroundings = { databaseUrl: database.url, secretKey };
  const contender = await ContenderProcess.start('ours/node-http', surroundings, { flags: ['--expose-gc'] });
  const generator = new LoadProcess();
  const marks: HeapMark[] = [];
  for (let callbacks = portion; callbacks <= total; callbacks += portion) {
    const from = callbacks - portion + 1;
    await generator.prepare({ port: contender.port, connections: 64, series: 'HEAP', from, count: portion });
    const { refused } = await generator.run();
    if (refused > 0) throw new Error(`${refused} were refused`);
    if (![portion, 2 * portion, total / 10, total / 2, total].includes(callbacks)) continue;
    // Sockets that the generator closed are gone after a moment.
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
