import { createHash, createHmac, sign, verify } from 'node:crypto';
import {
  type Callback,
  type CallbackEndpoint,
  type CallbackReply,
  createDragonpay,
  DragonpayCallback,
  MemoryRepository,
  OnGet,
  OnPost,
  type ValidCallback,
} from '../../src/index.js';
import type { BodyRead, CallbackRequest } from '../../src/model/callback-request.js';
import { readForm } from '../../src/reading/read-fields.js';
import type { CallbackRepository } from '../../src/repository/callback-repository.js';
import { type CorpusSetup, callbackCorpus } from '../../src/testing/callback-corpus/callback-corpus.js';
import { corpusKeys, corpusSecrets, settingsOf } from '../../src/testing/callback-corpus/corpus-setups.js';
import { encodeCase } from '../../src/testing/callback-corpus/encode-case.js';
import { orders } from '../support/proofs.js';
import { slowFold, slowPairs, slowProofs, slowUnframed } from './slow-form.js';
import { demand, type FuzzTarget, type Timed } from './target.js';

const setups: readonly CorpusSetup[] = [
  'sha1', 'hmac', 'rsa', 'transition', 'hmac-and-sha1', 'payments-only', 'update-on-get', 'strict', 'strangers', 'offline', 'encoded',
]; // biome-ignore format: one list
const methods = ['POST', 'POST', 'POST', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'constructor'];
const leftOvers = ['bytes', 'bytes', 'text', 'fields'];
const types = [
  'application/x-www-form-urlencoded',
  undefined,
  'Application/x-www-form-urlencoded; charset=UTF-8',
  'text/plain',
];

/** The choices of an input, in its first line: one letter each. */
const choices = {
  setup: setups,
  method: methods,
  left: leftOvers,
  type: types,
  isSigned: [true, false],
  row: [0, 1, 2],
};

const id = 'C-1';

/** The forms and queries of the corpus, each behind a line of choices. */
export function requestSeeds(): string[] {
  return callbackCorpus.flatMap((one) => {
    const { setup = 'sha1', method = 'POST', bytes, body, query } = one;
    const [, target = '', content = ''] =
      /^\S+ (\S*)[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(encodeCase(one, id).toString('latin1')) ?? [];
    if (bytes !== undefined || (typeof body !== 'string' && query === undefined)) return [];
    const form = method === 'GET' ? target.slice(target.indexOf('?') + 1) : content;
    const letters = [Math.max(setups.indexOf(setup), 0), Math.max(methods.indexOf(method), 0), 0, 0, 1, 1];
    return form.length > 4_000 ? [] : [`${String.fromCharCode(...letters.map((index) => 0x61 + index))}\n${form}`];
  });
}

/** Sends raw requests through `dispatch`. Independent code signs them again after each mutation. */
export class RequestTarget implements FuzzTarget {
  readonly name = 'requests';
  readonly #endpoints = new Map<CorpusSetup, CallbackEndpoint>();
  #repository = new MemoryRepository();
  #seen: Callback | undefined;
  #told: string[] = [];
  #failure: unknown;

  seeds(): readonly string[] {
    return requestSeeds();
  }

  async run(text: string, timed: Timed): Promise<void> {
    const line = text.indexOf('\n');
    const letters = text.slice(0, Math.max(line, 0));
    const chosen = Object.fromEntries(
      Object.entries(choices).map(([name, options], at) => [
        name,
        options[((letters.charCodeAt(at) || 0x61) + 256 - 0x61) % options.length],
      ]),
    ) as { setup: CorpusSetup; method: string; left: string; type: string | undefined; isSigned: boolean; row: number };
    const form = chosen.isSigned ? signedAgain(text.slice(line + 1), chosen.setup) : text.slice(line + 1);
    this.#repository = new MemoryRepository();
    if (chosen.row > 0) await this.#repository.createPayment({ txnid: id, amount: '100.00' });
    if (chosen.row > 1) await this.#repository.createPayout({ merchantTxnId: id, amount: '100.00' });
    this.#seen = undefined;
    this.#told = [];
    this.#failure = undefined;
    const isGet = chosen.method === 'GET';
    const request: CallbackRequest = {
      method: chosen.method,
      target: isGet ? `/?${form}` : '/',
      header: (name) => (name === 'content-type' ? chosen.type : undefined),
      body: () => bodyOf(form, chosen.left),
      native: undefined,
    };
    const endpoint = this.#endpointOf(chosen.setup);
    const reply = await timed(() => endpoint.dispatch(request));
    demand(this.#failure === undefined, `the handler is said to have failed: ${this.#failure}`);
    judgeReply(form, reply, this.#told);
    const seen = this.#seen as Callback | undefined;
    if (seen?.valid) judgeValid(seen, form, chosen, reply);
    for (const { raw } of await this.#repository.callbacks()) {
      demand(seen?.valid === true || chosen.setup === 'strict', 'a callback was recorded that no method has seen');
      demand(readForm(raw, 64)?.issues.length === 0, 'the inbox holds a form that cannot be read');
    }
  }

  #endpointOf(setup: CorpusSetup): CallbackEndpoint {
    let endpoint = this.#endpoints.get(setup);
    if (endpoint !== undefined) return endpoint;
    const { settings, allowInvalidData, updateOnGet } = settingsOf(setup);
    const see = (callback: Callback) => {
      this.#seen = callback;
    };
    @DragonpayCallback({ allowInvalidData, updateOnGet })
    class Seeing {
      @OnGet()
      get(callback: Callback) {
        see(callback);
      }

      @OnPost()
      post(callback: Callback) {
        see(callback);
      }
    }
    const repository: CallbackRepository = {
      store: (callback, options) => this.#repository.store(callback, options),
      findPayment: (txnid) => this.#repository.findPayment(txnid),
      findPayout: (merchantTxnId) => this.#repository.findPayout(merchantTxnId),
    };
    const hooks = {
      rejected: (event: object) => void this.#told.push(JSON.stringify(event)),
      stored() {},
      keysFailed() {},
      handlerFailed: ({ error }: { readonly error: unknown }) => {
        this.#failure = error;
      },
    };
    endpoint = createDragonpay({ ...settings, repository, hooks }).endpoint(Seeing);
    this.#endpoints.set(setup, endpoint);
    return endpoint;
  }
}

function bodyOf(form: string, left: string): BodyRead {
  const bytes = Buffer.from(form, 'latin1');
  if (left === 'text') return { kind: 'text', text: bytes.toString() };
  if (left === 'fields') return { kind: 'fields', fields: new URLSearchParams(bytes.toString()) };
  return { kind: 'bytes', bytes };
}

const statuses = [200, 204, 400, 403, 404, 405, 413, 414, 415, 503];

/** Hooks may get the id. If the sender wrote a secret into it, that is not a leak. */
function judgeReply(form: string, reply: CallbackReply, told: readonly string[]): void {
  demand(statuses.includes(reply.status), `the reply has the status ${reply.status}`);
  const sent = JSON.stringify(slowPairs(form));
  for (const secret of [corpusSecrets.merchant.sha1, corpusSecrets.merchant.hmac]) {
    if (sent.includes(secret)) continue;
    demand(!JSON.stringify([reply, told]).includes(secret), 'a secret is in a reply or a hook');
  }
}

/** The proofs of a payment that each setup accepts. */
const accepts: Partial<Record<CorpusSetup, ReadonlyArray<'rsa' | 'hmac' | 'sha1'>>> = {
  hmac: ['hmac'],
  rsa: ['rsa'],
  offline: [],
  transition: ['rsa', 'sha1'],
  'hmac-and-sha1': ['hmac', 'sha1'],
};

const fieldOf = { rsa: 'signatures', hmac: 'signature', sha1: 'digest' } as const;

function acceptedBy(setup: CorpusSetup, isPayout: boolean) {
  return isPayout ? (['sha1'] as const) : (accepts[setup] ?? (['sha1'] as const));
}

/** The first value of each field of a form, by the slow decoder. */
function slowFields(form: string): Map<string, { readonly raw: string; readonly value: string | undefined }> {
  const fields = new Map<string, { readonly raw: string; readonly value: string | undefined }>();
  for (const { rawName, name = rawName, rawValue, value } of slowPairs(slowUnframed(form))) {
    if (!fields.has(slowFold(name))) fields.set(slowFold(name), { raw: rawValue, value });
  }
  return fields;
}

function orderOf(algorithm: 'rsa' | 'hmac' | 'sha1', isPayout: boolean) {
  return isPayout ? orders.payout : orders[algorithm];
}

/** Replaces the proofs of a form by right ones. */
export function signedAgain(form: string, setup: CorpusSetup): string {
  const fields = slowFields(form);
  const isPayout = fields.has('merchanttxnid') && !fields.has('txnid');
  const left = form
    .split('&')
    .filter((pair) => !/^(?:digest|signatures?)(?:=|$)/i.test(pair))
    .join('&');
  const proofs = acceptedBy(setup, isPayout).map((algorithm) => {
    const text = orderOf(algorithm, isPayout)
      .map((name) => {
        const field = fields.get(slowFold(name));
        if (setup === 'encoded' && !isPayout) return field?.raw ?? '';
        return field?.value || (name === 'merchantid' ? 'CORPUS' : '');
      })
      .join(':');
    return `${fieldOf[algorithm]}=${encodeURIComponent(proofOf(algorithm, text))}`;
  });
  return [...proofs, left].join('&');
}

function proofOf(algorithm: 'rsa' | 'hmac' | 'sha1', text: string): string {
  const { sha1, hmac } = corpusSecrets.merchant;
  if (algorithm === 'rsa')
    return sign('sha256', Buffer.from(text), corpusKeys().merchant.privateKey).toString('base64');
  if (algorithm === 'hmac') return createHmac('sha256', hmac).update(text).digest('hex').toUpperCase();
  return createHash('sha1').update(`${text}:${sha1}`).digest('hex');
}

/** Independent code must accept a valid callback, too, with the values that the handler method saw. */
function judgeValid(
  callback: ValidCallback,
  form: string,
  { setup, left }: { readonly setup: CorpusSetup; readonly left: string },
  reply: CallbackReply,
): void {
  const isPayout = callback.kind === 'payout';
  // Where the signed text has two readings, `data` holds the certain part of the message, `unsigned` all of it.
  const seen = { ...callback.data, ...callback.unsigned } as Readonly<Record<string, string | undefined>>;
  const fields = slowFields(form);
  demand(seen.message?.startsWith(callback.data.message) === true, 'the certain part of a message is not its start');
  demand(callback.update.outcome === 'not-found' || reply.status === 200, 'a valid callback was not answered 200');
  demand(setup !== 'strangers' || callback.method === 'GET', 'a stranger was let in');
  let proofs = 0;
  for (const algorithm of acceptedBy(setup, isPayout)) {
    const proof = fields.get(fieldOf[algorithm])?.value;
    if (!proof) continue;
    proofs++;
    const order = orderOf(algorithm, isPayout);
    const texts = [order.map((name) => seen[name] ?? (name === 'merchantid' ? 'CORPUS' : '')).join(':')];
    if (setup === 'encoded') texts.push(order.map((name) => fields.get(slowFold(name))?.raw ?? '').join(':'));
    const ways = [proof, proof.replace(/[\r\n]+$/, '')].flatMap(slowProofs);
    const holds = texts.some((text) => ways.some((bytes) => holdsBy(algorithm, text, bytes)));
    demand(holds, `a callback is valid whose ${fieldOf[algorithm]} does not hold over what was seen`);
    for (const name of order) {
      const value = fields.get(slowFold(name))?.value;
      if (left !== 'bytes' || name === 'amount' || seen[name] === undefined) continue;
      demand(
        seen[name] === (value || (name === 'merchantid' ? 'CORPUS' : '')),
        `${name} is not what the slow decoder reads`,
      );
    }
  }
  demand(proofs > 0, 'a callback is valid without an accepted proof');
}

function holdsBy(algorithm: 'rsa' | 'hmac' | 'sha1', text: string, bytes: Buffer): boolean {
  if (algorithm === 'rsa') return verify('sha256', Buffer.from(text), corpusKeys().merchant.publicKey, bytes);
  const ascii = text.replace(/[^\0-\x7f]/g, '?');
  const right = [text, ascii].map((one) => Buffer.from(proofOf(algorithm, one), 'hex'));
  return right.some((one) => one.equals(bytes));
}
