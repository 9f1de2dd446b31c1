import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The answer to an inquiry. */
export type StandInAnswer =
  /** The gateway's answer with these fields changed. `Amount` is the text of a JSON number. */
  | { readonly fields: Readonly<Record<string, string | null>> }
  /** This body and status. */
  | { readonly status: number; readonly text?: string; readonly headers?: Readonly<Record<string, string>> }
  /** A truncated body. */
  | { readonly half: Readonly<Record<string, string | null>> }
  /** No answer. */
  | 'silence';

/** Chooses the answer to an inquiry. `call` counts the inquiries about this payment, from 1. */
export type Script = (txnid: string, call: number) => StandInAnswer | Promise<StandInAnswer>;

/** An HTTP server that stands in for the gateway's inquiries. */
export interface StandInGateway {
  readonly url: string;
  /** The payments of the inquiries, in order. */
  readonly asked: string[];
  /** Payments with two inquiries at the same time. */
  readonly askedTwiceAtOnce: string[];
  /** The highest number of simultaneous inquiries. */
  mostAtOnce(): number;
  answer(script: Script): void;
  close(): Promise<void>;
}

const path = /^\/api\/collect\/v1\/txnid\/([^/?]+)$/;

/** Starts a gateway that accepts the merchant `ACME` with the API key `api key`. */
export async function startStandInGateway(script: Script = () => ({ status: 404 })): Promise<StandInGateway> {
  let current = script;
  let most = 0;
  const asked: string[] = [];
  const askedTwiceAtOnce: string[] = [];
  const open = new Map<string, number>();

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const credentials = `Basic ${Buffer.from('ACME:api key').toString('base64')}`;
    if (request.headers.authorization !== credentials) return void response.writeHead(401).end();
    const txnid = decodeURIComponent(path.exec(request.url ?? '')?.[1] ?? '');
    if (txnid === '') return void response.writeHead(400).end();
    asked.push(txnid);
    if (open.has(txnid)) askedTwiceAtOnce.push(txnid);
    open.set(txnid, (open.get(txnid) ?? 0) + 1);
    most = Math.max(most, open.size);
    response.once('close', () => {
      const left = (open.get(txnid) ?? 1) - 1;
      if (left === 0) open.delete(txnid);
      else open.set(txnid, left);
    });
    send(response, txnid, await current(txnid, asked.filter((one) => one === txnid).length));
  }

  const server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    askedTwiceAtOnce,
    mostAtOnce: () => most,
    answer: (script) => {
      current = script;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, txnid: string, answer: StandInAnswer): void {
  if (answer === 'silence') return;
  if ('status' in answer) {
    response.writeHead(answer.status, answer.headers).end(answer.text);
    return;
  }
  const body = inquiryAnswer(txnid, 'half' in answer ? answer.half : answer.fields);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) });
  if ('fields' in answer) response.end(body);
  else response.write(body.slice(0, body.length / 2), () => response.destroy());
}

/** The JSON of an answer. `Amount` and `Fee` are numbers; other values are strings or null. */
export function inquiryAnswer(txnid: string, fields: Readonly<Record<string, string | null>>): string {
  const all: Record<string, string | null> = {
    RefNo: 'RFNO0001',
    MerchantId: 'ACME',
    TxnId: txnid,
    RefDate: '2026-03-01T09:30:00',
    Amount: '100.0',
    Currency: 'PHP',
    Description: 'A "book": 3.50',
    Status: 'S',
    Email: 'payer@example.com',
    MobileNo: null,
    ProcId: 'BPI',
    ProcMsg: '[000] 1.5 done',
    SettleDate: '2026-03-02T00:00:00',
    Param1: '',
    Param2: null,
    Fee: '10.0',
    ...fields,
  };
  const pairs = Object.entries(all).map(([name, value]) => {
    const isNumber = (name === 'Amount' || name === 'Fee') && value !== null;
    return `${JSON.stringify(name)}:${isNumber ? value : JSON.stringify(value)}`;
  });
  return `{${pairs.join(',')}}`;
}

/** An answer after a delay. */
export async function after(milliseconds: number, answer: StandInAnswer): Promise<StandInAnswer> {
  await sleep(milliseconds);
  return answer;
}
