import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodeCallback, signCallback } from '../../src/protocol/sign-callback.js';
import { paymentFields, secretKey } from '../support/dispatch-signed.js';
import { sendForm } from '../support/send-form.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Starts a program of this folder. */
export function start(
  file: string,
  environment: Readonly<Record<string, string>> = {},
  stderr: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    ...{ cwd: root, execArgv: ['--import', 'tsx'] },
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', stderr, 'ipc'],
  });
}

/** Resolves to what a program sends next. Rejects if the program ends. */
export async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const ended = new AbortController();
  const abort = () => ended.abort(new Error('the program ended'));
  child.once('exit', abort);
  try {
    const [message] = await once(child, 'message', { signal: ended.signal });
    return message;
  } finally {
    child.off('exit', abort);
  }
}

let sender: Promise<ChildProcess> | undefined;

/** The process that sends the copies: one for all attacks of this process. */
async function startSender(): Promise<ChildProcess> {
  const child = start('pipelining-sender.ts');
  await nextMessage(child);
  return child;
}

/** What an attack cost. */
export interface Damage {
  /** How often each HTTP status was answered. */
  readonly statuses: Readonly<Record<string, number>>;
  /** CPU time of the server, in milliseconds. */
  readonly cpu: number;
  /** How much more memory the server used at most, without garbage, in MB. */
  readonly memory: number;
  /** The reply times of other payers in the meantime, in milliseconds, the shortest first. */
  readonly others: readonly number[];
  /** The statuses of the replies to other payers, each once. */
  readonly othersStatuses: readonly number[];
}

/** More payments than others make in the time that an attack takes, at most one in 10 ms. */
const othersOf = (count: number) => 60 + count / 20;

/** A form that a server with the settings of the tests accepts. */
export function signedForm(txnid: string): string {
  return encodeCallback(signCallback(paymentFields({ txnid }), { sha1: { secretKey } }));
}

/**
 * Attacks a server process from a sender process: one form, many times, on one connection. Meanwhile other payers send
 * their callbacks, one after the other.
 * @param databaseUrl `undefined`: the server stores in memory
 * @param form makes the form from the txnid of a payment that takes a while
 */
export async function attack(
  databaseUrl: string | undefined,
  count: number,
  form: (txnid: string) => string,
): Promise<Damage> {
  const server = start('attacked-server.ts', databaseUrl === undefined ? {} : { ATTACKED_DATABASE: databaseUrl });
  sender ??= startSender();
  const [{ port }, sending] = await Promise.all([nextMessage<{ port: number }>(server), sender]);
  sending.ref();
  sending.channel?.ref();
  try {
    const tag = `${process.pid}-${port}`;
    const create = (txnids: readonly string[]) => {
      const created = nextMessage<{ cpu: number; memory: number }>(server);
      server.send(txnids);
      return created;
    };
    const others = Array.from({ length: othersOf(count) }, (_, index) => `OTHER-${tag}-${index}`);
    await create([`SLOW-${tag}`, ...others]);
    const send = async (txnid: string) => {
      const startedAt = performance.now();
      const { status } = await sendForm(port, signedForm(txnid));
      return { status, milliseconds: performance.now() - startedAt };
    };
    for (const txnid of others.splice(0, 50)) await send(txnid);

    const before = await create([]);
    let statuses: Damage['statuses'] | undefined;
    const ended = nextMessage<Damage['statuses']>(sending).then((message) => {
      statuses = message;
    });
    sending.send({ port, form: form(`SLOW-${tag}`), count });
    const replies: Array<{ status: number; milliseconds: number }> = [];
    while (statuses === undefined) {
      const txnid = others.pop();
      if (txnid === undefined) await ended;
      else replies.push(await send(txnid));
      await sleep(10);
    }
    const after = await create([]);
    return {
      statuses,
      cpu: after.cpu - before.cpu,
      memory: after.memory - before.memory,
      others: replies.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b),
      othersStatuses: [...new Set(replies.map(({ status }) => status))],
    };
  } finally {
    server.disconnect();
    // It ends with this process.
    sending.unref();
    sending.channel?.unref();
  }
}

/** The value below which 99 of 100 are. */
export function p99(sorted: readonly number[]): number {
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
}
