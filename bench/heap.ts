import { mkdirSync, writeFileSync } from 'node:fs';
import { startServer } from './database.js';
import { secretKey } from './postbacks.js';
import { ContenderProcess, LoadProcess } from './processes.js';

/** `npm run bench:heap`: what the server's process holds after ten thousand callbacks, and after a million. */
const total = Number(process.argv[2] ?? 1_000_000);
const portion = 10_000;
const server = await startServer();
const database = await server.database('heap');
const contender = await ContenderProcess.start(
  'ours/node-http',
  { databaseUrl: database.url, secretKey },
  { flags: ['--expose-gc'] },
);
const generator = new LoadProcess();
const marks: Array<{ callbacks: number; heapKilobytes: number; resources: string }> = [];
for (let sent = 0; sent < total; sent += portion) {
  // The payments need not exist: what is not found goes the same way, into the inbox.
  const load = { port: contender.port, connections: 64, series: 'HEAP', from: sent + 1, count: portion };
  await generator.prepare(load);
  const { refused } = await generator.run();
  if (refused > 0) throw new Error(`${refused} were refused`);
  const callbacks = sent + portion;
  if ([1, 2, 5, 10, 20, 50, 100].includes(callbacks / portion) || callbacks === total) {
    // Sockets that the generator closed are gone after a moment.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await contender.mark('collect');
    const { heap, resources } = await contender.mark('collect');
    const counts = new Map<string, number>();
    for (const resource of resources) counts.set(resource, (counts.get(resource) ?? 0) + 1);
    marks.push({
      callbacks,
      heapKilobytes: Math.round(heap / 1024),
      resources: [...counts].map(([name, count]) => `${name} ${count}`).join(', '),
    });
    console.log(JSON.stringify(marks.at(-1)));
  }
}
mkdirSync('bench/results', { recursive: true });
writeFileSync('bench/results/heap.json', `${JSON.stringify(marks, null, 2)}\n`);
contender.stop();
generator.stop();
await database.end();
await server.stop();
