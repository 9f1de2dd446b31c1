/**
 * Looks at what a whole run of the tests says: `npm run test:secrets`. It learns each key when it is used, in a proof or
 * in a call of the gateway, and each right proof when a wrong one is refused. At the end it searches everything that was
 * written, sent, thrown or looked at by a test for all of them.
 */
import crypto, { type BinaryLike, type KeyObject } from 'node:crypto';
import { ServerResponse } from 'node:http';
import { Http2ServerResponse } from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import { relative } from 'node:path';
import { inspect } from 'node:util';
import * as chai from 'chai';
import { SecretWatch } from './secret-watch.js';

/** Shorter keys are ignored: they are parts of other words. */
const shortest = 8;
/**
 * Keys that may appear: those that are phrases of messages and titles, and those that the sandbox prints. The corpus
 * has a case whose digest was made "by another secret".
 */
const phrases = [
  ...['secret key', 'a secret', 'password', 'payout key', 'an HMAC key', 'the API key'],
  ...['another key', 'another secret'],
];
const printed = ['sandbox-api-key', 'sandbox-secret-key', 'sandbox-hmac-key'];

/** Files whose tests look at keys on purpose. The texts that they write and send are still searched. */
const lookingAtKeys: readonly string[] = ['test/settings/settings-from-env.test.ts'];

const keys = new Set<string>();
const proofs = new Set<string>();
/** The texts that were seen, each with the test that ran. */
const written = new Map<string, string>();
const lookedAt = new Map<string, string>();
let running = 'before the tests';
let file = '';

function learn(key: unknown): void {
  const text = typeof key === 'string' ? key : ArrayBuffer.isView(key) ? Buffer.from(key as Uint8Array).toString() : '';
  // A derived key is bytes. A key of a configuration is a text.
  const isText = [...text].every((character) => character >= ' ' && character !== '\ufffd');
  if (text.length >= shortest && isText && ![...phrases, ...printed].includes(text)) keys.add(text);
}

/**
 * Learns the secret key from the end of the text that Dragonpay documents for a SHA-1 proof. In tests of other texts,
 * the end is another value.
 */
function learnFromDigest(text: unknown): void {
  if (/wire|diagnos/.test(file)) return;
  learn(/^[^:\n]+:[^:\n]+:[A-Z]:[^:\n]*:([^:\n]+)$/.exec(String(text))?.[1]);
}

/** Learns a proof, as text or as bytes. */
function learnProof(expected: Buffer): void {
  const text = expected.toString('latin1');
  if (/^[0-9a-f]{40,128}$/.test(text)) proofs.add(text);
  else if ([20, 32, 48, 64].includes(expected.length)) {
    proofs.add(expected.toString('hex'));
    proofs.add(expected.toString('base64').replace(/=+$/, ''));
  }
}

const { createHash, createHmac, hash, timingSafeEqual } = crypto;
Object.assign(crypto, {
  createHmac(algorithm: string, key: BinaryLike | KeyObject, ...options: []) {
    learn(key);
    return createHmac(algorithm, key, ...options);
  },
  createHash(algorithm: string, ...options: []) {
    const made = createHash(algorithm, ...options);
    const { update } = made;
    return Object.assign(made, {
      update(text: BinaryLike, ...encoding: []) {
        learnFromDigest(text);
        return (update as (...given: unknown[]) => crypto.Hash).call(made, text, ...encoding);
      },
    });
  },
  hash(algorithm: string, text: BinaryLike, ...encoding: []) {
    learnFromDigest(text);
    return hash(algorithm, text, ...encoding);
  },
  timingSafeEqual(expected: Buffer, given: Buffer) {
    const isSame = timingSafeEqual(expected, given);
    if (!isSame) learnProof(expected);
    return isSame;
  },
});
syncBuiltinESMExports();

const { fetch } = globalThis;
globalThis.fetch = (url, init) => {
  const given = new Headers(init?.headers).get('authorization') ?? '';
  const [, encoded = ''] = /^basic\s+(\S+)$/i.exec(given) ?? [];
  learn(/^[^:]*:(.*)$/.exec(Buffer.from(encoded, 'base64').toString())?.[1]);
  return fetch(url, init);
};

for (const stream of [process.stdout, process.stderr]) {
  const { write } = stream;
  stream.write = (text: unknown, ...more: never[]) => {
    written.set(String(text), running);
    return write.call(stream, text as string, ...more);
  };
}

const shown = { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: 1_000 };

function show(value: unknown): string {
  try {
    return typeof value === 'string' ? value : inspect(value, shown);
  } catch {
    // Some tests make values that throw when they are looked at. Nobody can print these.
    return '';
  }
}

type Say = (this: unknown, ...given: unknown[]) => unknown;
for (const answer of [ServerResponse.prototype, Http2ServerResponse.prototype] as unknown as Record<string, Say>[]) {
  for (const name of ['setHeader', 'writeHead', 'write', 'end']) {
    const say = answer[name] as Say;
    answer[name] = function (this: unknown, ...given: unknown[]) {
      for (const one of given)
        written.set(one instanceof Uint8Array ? Buffer.from(one).toString() : show(one), running);
      return say.apply(this, given);
    };
  }
}

// Errors, outputs, replies and payloads of jobs: whatever a test looks at.
chai.use(({ Assertion }, { flag }) => {
  Assertion.overwriteProperty(
    'to',
    (getTo: () => void) =>
      function (this: object) {
        const value: unknown = flag(this, 'object');
        const isReply = value !== null && typeof value === 'object' && 'status' in value && 'body' in value;
        if (value instanceof Error || isReply) written.set(show(value), running);
        else if (typeof value === 'string' || (typeof value === 'object' && value !== null)) {
          if (!lookingAtKeys.includes(file)) lookedAt.set(show(value), running);
        }
        return getTo.call(this);
      },
  );
});

/** Words that may be a proof in hex or base64. */
const words = /[0-9A-Za-z+/]{27,}/g;

export const mochaHooks = {
  beforeEach(this: Mocha.Context) {
    file = relative(process.cwd(), this.currentTest?.file ?? '');
    running = `${file}: ${this.currentTest?.fullTitle()}`;
  },
  afterAll() {
    const watch = new SecretWatch(Object.fromEntries([...keys].map((key) => [`the key ${key.slice(0, 4)}…`, key])));
    for (const [text, test] of [...written, ...lookedAt]) watch.say(test, text);
    const found = [...watch.found];
    for (const [text, test] of written) {
      for (const [word] of text.matchAll(words)) {
        if (proofs.has(word) || proofs.has(word.toLowerCase()))
          found.push(`${test}: the right proof ${word.slice(0, 8)}…`);
      }
    }
    for (const texts of [written, lookedAt]) texts.clear();
    if (found.length > 0) throw new Error(`a secret was said:\n${found.join('\n')}`);
  },
};
