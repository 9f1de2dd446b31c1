import { DragonpayError } from '../../src/errors.js';
import { Inquiry } from '../../src/gateway/inquiry.js';
import { createDragonpay, DragonpayCallback, diagnoseCallback, OnPost, settingsFromEnv } from '../../src/index.js';
import { knownFieldNames, mayBeOdd } from '../../src/protocol/fields.js';
import { readForm } from '../../src/reading/read-fields.js';
import { fromEventKey, toEventKey } from '../../src/repository/event-key.js';
import { compareInInbox, fromCursor, toCursor } from '../../src/repository/inbox-page.js';
import { corpusKeys, settingsOf } from '../../src/testing/callback-corpus/corpus-setups.js';
import { FetchedPublicKeys } from '../../src/verification/fetched-public-keys.js';
import { RequestTarget, requestSeeds } from './request-target.js';
import { slowFold, slowPairs } from './slow-form.js';
import { demand, Finding, type FuzzTarget } from './target.js';

/** Whether an error is one of the package, with one of these codes. Any other is a finding. */
function demandCode(error: unknown, ...codes: readonly string[]): void {
  if (error instanceof Finding) throw error;
  const code = DragonpayError.is(error) ? error.code : undefined;
  if (code === undefined || !codes.includes(code)) throw new Finding(`threw ${error} (${code})`, { cause: error });
}

const quiet = { rejected() {}, stored() {}, handlerFailed() {}, keysFailed() {}, replyFailed() {}, inquired() {} };

@DragonpayCallback()
class Silent {
  @OnPost()
  post() {}
}

/** Forms by our decoder and by the slow one. */
const forms: FuzzTarget = {
  name: 'forms',
  seeds: () => requestSeeds().map((text) => text.slice(text.indexOf('\n') + 1)),
  run(form, timed) {
    const read = timed(() => readForm(form, Number.POSITIVE_INFINITY));
    demand(read !== undefined, 'a form without a limit was refused');
    const pairs = slowPairs(form);
    const expected = pairs.map(({ rawName, rawValue, name, value }) => [
      name ?? escaped(rawName),
      value ?? escaped(rawValue),
    ]);
    demand(
      JSON.stringify(read.received()) === JSON.stringify(expected),
      'the pairs differ from those of the slow decoder',
    );
    const known: Record<string, string | undefined> = {};
    const seen = new Set<string>();
    const odd = new Set<string>();
    let isRefused = false;
    for (const { rawName, rawValue, name = escaped(rawName), value } of pairs) {
      const field = slowFold(name);
      const isKnown = (knownFieldNames as readonly string[]).includes(field);
      if (name.includes('\0') || (value ?? unescaped(rawValue)).includes('\0')) isRefused = true;
      else if (!isKnown) continue;
      else if (seen.has(field) || (value === undefined && !mayBeOdd(field))) isRefused = true;
      else {
        seen.add(field);
        if (value === undefined) odd.add(field);
        else known[field] = value;
      }
    }
    demand(read.issues.length > 0 === isRefused, 'the slow decoder refuses something else');
    for (const name of knownFieldNames) {
      if (!isRefused) demand(read.known[name] === known[name], `${name} differs from the slow decoder`);
      if (!isRefused) demand((read.odd?.has(name) ?? false) === odd.has(name), `${name} is odd for one decoder only`);
    }
    const raw = read.raw();
    demand(/^[\x21-\x7e]*$/.test(raw), 'the record of a form is not printable ASCII');
    const again = readForm(raw, Number.POSITIVE_INFINITY);
    demand(JSON.stringify(again?.known) === JSON.stringify(read.known), 'the record of a form reads otherwise');
    demand(again?.issues.length === read.issues.length, 'the record of a form has other issues');
    demand(JSON.stringify(again?.received()) === JSON.stringify(expected), 'the record of a form has other pairs');
  },
};

/** One character per byte. */
function unescaped(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Shows bytes that are not UTF-8 as escapes. */
function escaped(text: string): string {
  return text.replace(/[^!-~]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Answers of the keys endpoint. */
const keys: FuzzTarget = {
  name: 'keys',
  seeds() {
    const value = corpusKeys().merchant.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const der = corpusKeys().another.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    return [
      JSON.stringify([{ value: der, status: 'Active' }]),
      JSON.stringify([{ Value: value, Status: 'active' }, { value: der, status: 'Revoked' }, null, 1, 'x', []]),
      '[]',
      '{}',
    ];
  },
  async run(text, timed) {
    const problems: string[] = [];
    const source = new FetchedPublicKeys(
      async () => text,
      (problem) => problems.push(problem),
    );
    const checked = await timed(() => source.firstThatVerifies(() => true));
    demand(checked.ok || checked.reason === 'keys-unavailable', 'a key was judged without being asked');
    if (text.length > 40) for (const one of problems) demand(!one.includes(text), 'a problem quotes the answer');
    demand(checked.ok || problems.length > 0, 'no problem was told');
  },
};

/** Answers to inquiries. The first line is the status and the header `Retry-After`. */
const inquiries: FuzzTarget = {
  name: 'inquiries',
  seeds() {
    const answer = {
      RefNo: 'R-1',
      MerchantId: 'CORPUS',
      TxnId: 'C-1',
      RefDate: '2026-01-05T10:00:00',
      Amount: 100.5,
      Currency: 'PHP',
      Status: 'S',
      ProcId: 'BOG',
      ProcMsg: 'Paid',
      SettleDate: '2026-01-06T00:00:00',
      Param1: 'a',
      Param2: null,
      Fee: 15,
    };
    return ['200 ', '503 5', '429 Wed, 21 Oct 2026 07:28:00 GMT', '404 '].map(
      (head) => `${head}\n${JSON.stringify(answer)}`,
    );
  },
  async run(text, timed) {
    const [, status = '200', retryAfter = '', body = text] = /^(\d{3}) ([^\n]*)\n([\s\S]*)$/.exec(text) ?? [];
    const answer = {
      status: Number(status),
      retryAfter: retryAfter || undefined,
      text: Buffer.from(body, 'latin1').toString(),
    };
    const policy = { attempts: 1, backoffMilliseconds: 1, longestWaitMilliseconds: 1 };
    const inquiry = new Inquiry(async () => answer, 'CORPUS', policy);
    try {
      const result = await timed(() => inquiry.ask('C-1'));
      if (!result.known) return;
      const { callback } = result;
      demand(callback.id === 'C-1' && /^[A-Za-z]$/.test(callback.status), 'an answer about another payment was taken');
      demand(readForm(callback.raw(), 64)?.known.txnid === 'C-1', 'the record of an answer is no form');
    } catch (error) {
      demandCode(error, 'gateway-unavailable', 'gateway-refused', 'answer-refused');
    }
  },
};

const settingsSeeds: readonly object[] = [
  { merchantId: 'ACME', environment: 'test', verification: { sha1: { secretKeys: ['secret'] } } },
  {
    merchantId: 'ACME', environment: 'production', apiKey: 'key', verification: { rsa: {}, hmac: { keys: ['00ff'], encoding: 'hex' },
    sha1: { secretKeys: ['one', 'two'] }, transition: true }, payout: { sha1: { secretKeys: ['three'] }, sharedSecret: true },
    allowFrom: ['192.0.2.0/24', '2001:db8::1'], confirm: 'never', saveData: false, keepRefused: 10,
    inquiry: { attempts: 2, timeoutMilliseconds: 100 },
    limits: { bodyBytes: 1000, queryBytes: 100, bodyMilliseconds: 10, fields: 9, handlerMilliseconds: 5, storeMilliseconds: 5 },
  },
  {
    merchantId: 'ACME', environment: { gateway: 'http://127.0.0.1:1' }, verification: { hmac: { keys: ['k'] } },
    wire: { payment: { hmac: { fields: ['txnid', 'refno', 'status', 'other:expiry'], separator: '|', pairs: true, empty: 'left-out',
    amount: 'centavos', values: 'trimmed', hash: 'sha512', encodings: ['latin1'], also: [{ key: 'in-front', keyEncoding: 'hex' }] } } },
  },
]; // biome-ignore format: settings

/** Settings, as JSON. */
const settings: FuzzTarget = {
  name: 'settings',
  seeds: () => settingsSeeds.map((one) => JSON.stringify(one)),
  async run(text, timed) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(Buffer.from(text, 'latin1').toString());
    } catch {
      return;
    }
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    const given = isObject
      ? { ...(parsed as object), hooks: quiet, fetch: () => Promise.reject(new Error('offline')) }
      : parsed;
    try {
      const dragonpay = timed(() => createDragonpay(given as never));
      const { status } = await dragonpay
        .endpoint(Silent)
        .dispatch(request('txnid=T&refno=R&status=S&digest=00&signature=00'));
      demand(status === 400 || status === 403 || status === 413 || status === 503, `a forgery was answered ${status}`);
      await dragonpay.close();
    } catch (error) {
      demandCode(error, 'invalid-setting');
    }
  },
};

/** Environment variables, one a line. */
const environments: FuzzTarget = {
  name: 'environments',
  seeds: () => [
    'DRAGONPAY_MERCHANT_ID=ACME\nDRAGONPAY_ENVIRONMENT=test\nDRAGONPAY_SECRET_KEYS=a,b\nDRAGONPAY_PAYOUT_SECRET_KEYS=["c"]',
    'DRAGONPAY_MERCHANT_ID=ACME\nDRAGONPAY_ENVIRONMENT=production\nDRAGONPAY_API_KEY=x\nDRAGONPAY_TRANSITION=1\nDRAGONPAY_HMAC_KEYS=h',
    'DRAGONPAY_ID=ACME\nDRAGONPAY_PASSWORD=x\nDRAGONPAY_SAVE_DATA=false\nDRAGONPAY_PAYOUT_SHARED_SECRET=true\nDRAGONPAY_PUBLIC_KEYS=x',
    `DRAGONPAY_MERCHANT_ID=A\nDRAGONPAY_ENVIRONMENT=test\nDRAGONPAY_HMAC_KEYS=h\nDRAGONPAY_WIRE=${JSON.stringify(settingsSeeds[2]).slice(130)}`,
    'DRAGONPAY_MERCHANT_ID=A\nDRAGONPAY_ENVIRONMENT=test\nDRAGONPAY_SECRET_KEYS=a\nDRAGONPAY_WIRE={"payment":{"sha1":{"separator":"|"}}}',
  ],
  run(text, timed) {
    const lines = text.split('\n').map((line) => /^([^=]*)=?(.*)$/s.exec(line) ?? []);
    const env = Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value]));
    try {
      timed(() => createDragonpay({ ...settingsFromEnv(env), hooks: quiet }));
    } catch (error) {
      demandCode(error, 'invalid-setting');
      for (const [name, value] of Object.entries(env)) {
        // A value that consists of letters may also be the name of a variable, and errors contain these names.
        if (name.endsWith('KEYS') && value.length > 12 && /[^A-Za-z_ ,]/.test(value))
          demand(!String(error).includes(value), `${name} is in the error`);
      }
    }
  },
};

/** Cursors and event keys, two a line. */
const positions: FuzzTarget = {
  name: 'positions',
  seeds: () => [
    '1700000000000000:T-1:payment:R-1:S:0:0123456789abcdef\n1700000000000000:T-1:payment:R-1:S',
    '17:T-1:payout:R:F:3:~\n18:T-1:payout:R:F:32767:-',
    'payment:T-1:R-1:S:0123456789abcdef\npayout:O-1:R-1:S',
    'payment:T-1::S:-\npayment:T-1:R-1:S:1',
  ],
  run(text, timed) {
    const [one = '', other = ''] = text.split('\n');
    for (const key of [one, other]) {
      try {
        const read = timed(() => fromEventKey(key));
        demand(
          JSON.stringify(fromEventKey(toEventKey(read))) ===
            JSON.stringify({ ...read, fingerprint: fromEventKey(toEventKey(read)).fingerprint }),
          'an event key reads otherwise when it is written again',
        );
      } catch (error) {
        demandCode(error, 'no-such-event');
      }
    }
    try {
      for (const cursor of [one, other]) {
        const read = timed(() => fromCursor(cursor));
        demand(
          JSON.stringify(fromCursor(toCursor(read))) === JSON.stringify(read),
          'a cursor reads otherwise when it is written again',
        );
      }
      demand(
        Math.sign(compareInInbox(one, other)) === -Math.sign(compareInInbox(other, one)),
        'two cursors have no order',
      );
    } catch (error) {
      demandCode(error, 'invalid-setting');
    }
  },
};

/** The diagnosis of refused callbacks. */
const diagnoses: FuzzTarget = {
  name: 'diagnoses',
  milliseconds: 250,
  seeds: () => forms.seeds().filter((_, index) => index % 8 === 0),
  async run(form, timed) {
    const verification = {
      rsa: { publicKeys: [corpusKeys().merchant.publicKey] },
      hmac: { keys: ['key'] },
      sha1: { secretKeys: ['secret'] },
      transition: true,
    };
    const base = { ...settingsOf('sha1').settings, verification, hooks: quiet };
    const { outcome, wire } = await timed(() =>
      diagnoseCallback(Buffer.from(form, 'latin1').toString(), base, { milliseconds: 5 }),
    );
    demand(outcome !== 'mended' || wire !== undefined, 'a mended callback has no setting');
    if (outcome === 'mended') createDragonpay({ ...base, wire });
  },
};

function request(form: string) {
  return {
    method: 'POST',
    target: '/',
    header: () => undefined,
    body: () => ({ kind: 'bytes', bytes: Buffer.from(form, 'latin1') }) as const,
    native: undefined,
  };
}

/** All targets. The first two get most of the time. */
export const fuzzTargets: readonly FuzzTarget[] = [
  new RequestTarget(),
  forms,
  keys,
  inquiries,
  settings,
  environments,
  positions,
  diagnoses,
];
