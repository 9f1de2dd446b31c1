import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How the stand-in answers an inquiry. */
export type StandInAnswer =
  /** As the gateway does, with these fields over the usual ones. `Amount` is written as it is: a JSON number's text. */
  | { readonly fields: Readonly<Record<string, string | null>> }
  /** This text with this status. */
  | { readonly status: number; readonly text?: string; readonly headers?: Readonly<Record<string, string>> }
  /** A body that ends in the middle. */
  | { readonly half: Readonly<Record<string, string | null>> }
  /** No answer at all. */
  | 'silence';

/** Decides on the answer to one inquiry; `call` counts those about this payment, from 1. */
export type Script = (txnid: string, call: number) => StandInAnswer | Promise<StandInAnswer>;

/** A stand-in for the gateway's inquiry call: a real HTTP server. */
export interface StandInGateway {
  readonly url: string;
  /** The payments that were asked about, in order. */
  readonly asked: string[];
  /** Payments that were asked about while an earlier inquiry about them was still open. */
  readonly askedTwiceAtOnce: string[];
  /** The most inquiries that were open at the same time. */
  mostAtOnce(): number;
  answer(script: Script): void;
  close(): Promise<void>;
}

const path = /^\/api\/collect\/v1\/txnid\/([^/?]+)$/;

/** Starts one that knows the merchant `ACME` with the API key `api key`. */
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

/** The JSON of an answer. Values are strings or null, but for `Amount` and `Fee`, which are numbers. */
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

/** An answer that takes so long. */
export async function after(milliseconds: number, answer: StandInAnswer): Promise<StandInAnswer> {
  await sleep(milliseconds);
  return answer;
}
