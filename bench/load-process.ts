import { connect, type Socket } from 'node:net';
import { requestOf, txnidOf } from './postbacks.js';

/** One load: postbacks of distinct payments over a number of connections. */
export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly series: string;
  /** The number of the first payment in the series. */
  readonly from: number;
  readonly count: number;
  /** How often each postback is sent. Default: 1. */
  readonly copies?: number;
  /** Postbacks per second, however slow the server is. Default: as fast as the replies arrive. */
  readonly rate?: number;
}

/** The result of a {@link Load}. */
export interface LoadResult {
  readonly seconds: number;
  /** In milliseconds, from the time at which the postback was due. */
  readonly p50: number;
  readonly p99: number;
  /** The number of replies other than 200. */
  readonly refused: number;
  /** CPU time of the generator in microseconds. */
  readonly cpu: number;
}

/**
 * The load generator. It prepares every request before the measurement, so that it uses half of the CPU of autocannon
 * for the same requests. It reads only the status line of a reply and relies on each reply fitting one packet.
 */
async function run(load: Load, requests: readonly Buffer[], sockets: readonly Socket[]): Promise<LoadResult> {
  const latencies = new Float64Array(requests.length);
  const free = [...sockets];
  const { user, system } = process.cpuUsage();
  const startedAt = performance.now();
  let sent = 0;
  let answered = 0;
  let refused = 0;
  const dueAt = (index: number) =>
    load.rate === undefined ? performance.now() : startedAt + (index * 1000) / load.rate;
  const isDue = () => load.rate === undefined || dueAt(sent) <= performance.now();

  await new Promise<void>((resolve, reject) => {
    const onAnswer = new Map<Socket, (answer: Buffer) => void>();
    function sendDue(): void {
      while (free.length > 0 && sent < requests.length && isDue()) {
        const socket = free.pop() as Socket;
        const index = sent++;
        const due = dueAt(index);
        onAnswer.set(socket, (answer) => {
          latencies[index] = performance.now() - due;
          if (answer.toString('latin1', 9, 12) !== '200') refused++;
          free.push(socket);
          answered++;
          if (answered === requests.length) resolve();
          else sendDue();
        });
        socket.write(requests[index] as Buffer);
      }
    }
    for (const socket of sockets) {
      socket.on('data', (answer: Buffer) => onAnswer.get(socket)?.(answer));
      socket.on('close', () => reject(new Error('the server closed a connection')));
    }
    if (load.rate !== undefined) {
      const ticking = setInterval(() => (sent < requests.length ? sendDue() : clearInterval(ticking)), 1);
    }
    sendDue();
  });

  const seconds = (performance.now() - startedAt) / 1000;
  const { user: userAfter, system: systemAfter } = process.cpuUsage();
  latencies.sort();
  const quantile = (share: number) => latencies[Math.floor(share * (latencies.length - 1))] ?? 0;
  const cpu = userAfter + systemAfter - user - system;
  return { seconds, p50: quantile(0.5), p99: quantile(0.99), refused, cpu };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

let prepared: { load: Load; requests: Buffer[]; sockets: Socket[] } | undefined;

process.on('message', async (message: { prepare: Load } | 'run') => {
  if (message === 'run') {
    const { load, requests, sockets } = prepared as NonNullable<typeof prepared>;
    const result = await run(load, requests, sockets);
    for (const socket of sockets) socket.removeAllListeners('close').destroy();
    prepared = undefined;
    process.send?.(result);
    return;
  }
  const load = message.prepare;
  const once = Array.from({ length: load.count }, (_, index) => requestOf(txnidOf(load.series, load.from + index)));
  // Copies follow each other directly, so that they are processed at the same time.
  const requests = once.flatMap((request) => Array.from({ length: load.copies ?? 1 }, () => request));
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => open(load.port)));
  prepared = { load, requests, sockets };
  process.send?.('prepared');
});
process.on('disconnect', () => process.exit());
