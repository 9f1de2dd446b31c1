import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * The fate of a chunk that a client sends to the server:
 * - `cut`: the connection breaks before the server receives the chunk
 * - `swallow`: the server executes it, but the connection breaks before the client receives the answer
 * - `silence`: as `swallow`, but the client learns of the broken connection only later
 */
export type Verdict = 'pass' | 'cut' | 'swallow' | 'silence';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  isDeaf: boolean;
}

/** A proxy between an application and PostgreSQL that breaks connections. */
export class CuttingProxy {
  /** Decides the fate of each chunk from a client. */
  judge: (said: Buffer) => Verdict = () => 'pass';
  readonly #listener: Server;
  readonly #links = new Set<Link>();
  #stalledUntil = 0;

  private constructor(target: () => number) {
    this.#listener = createServer((client) => this.#join(client, connect(target(), '127.0.0.1')));
  }

  /** Listens on a free port of 127.0.0.1. `target` is the port of the server, or says it for each connection. */
  static async start(target: number | (() => number)): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(typeof target === 'number' ? () => target : target);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** The URL of a database through this proxy. */
  through(url: string): string {
    const proxied = new URL(url);
    proxied.host = `127.0.0.1:${this.port}`;
    return proxied.href;
  }

  /** Breaks all connections at once. */
  cutAll(): void {
    for (const link of this.#links) this.#cut(link);
  }

  /** Blocks all traffic for some milliseconds, also of new connections. */
  stall(milliseconds: number): void {
    this.#stalledUntil = Date.now() + milliseconds;
    for (const { client, server } of this.#links) for (const socket of [client, server]) socket.pause();
    setTimeout(() => {
      if (this.#isStalled) return;
      for (const { client, server } of this.#links) for (const socket of [client, server]) socket.resume();
    }, milliseconds);
  }

  get #isStalled(): boolean {
    return Date.now() + 5 < this.#stalledUntil;
  }

  async close(): Promise<void> {
    this.cutAll();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #join(client: Socket, server: Socket): void {
    const link: Link = { client, server, isDeaf: false };
    this.#links.add(link);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (said) => this.#hear(link, said));
    server.on('data', (said) => {
      if (!link.isDeaf) client.write(said);
    });
    for (const socket of [client, server]) {
      if (this.#isStalled) socket.pause();
      socket.on('error', () => this.#cut(link));
      socket.on('close', () => this.#cut(link));
    }
  }

  #hear(link: Link, said: Buffer): void {
    const verdict = link.isDeaf ? 'pass' : this.judge(said);
    if (verdict === 'cut') {
      this.#cut(link);
      return;
    }
    link.server.write(said);
    if (verdict === 'pass') return;
    link.isDeaf = true;
    const cut = () => this.#cut(link);
    if (verdict === 'silence') setTimeout(cut, 1_500);
    else {
      link.server.once('data', cut);
      setTimeout(cut, 1_000);
    }
  }

  #cut(link: Link): void {
    this.#links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }
}
