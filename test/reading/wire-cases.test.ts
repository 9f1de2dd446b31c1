import { generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import {
  type Callback,
  type CallbackEndpoint,
  createDragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  MemoryRepository,
  OnGet,
  OnPost,
  type PaymentDetails,
  type PayoutDetails,
} from '../../src/index.js';
import { createMigrations, type DragonpayTables, KyselyRepository } from '../../src/kysely.js';
import {
  encodeRequest,
  RawConnection,
  type RawReply,
  type RawRequest,
} from '../../src/testing/adapter-conformance/raw-http.js';
import {
  type AdapterServer,
  type CallbackFields,
  encodeCallback,
  type SigningKeys,
  signCallback,
} from '../../src/testing.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { parsersOfKoa, serveExpress5, serveKoa, serveNode } from '../support/servers.js';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const sha1 = { secretKeys: ['another', 'a secret'] };
const hmac = { keys: ['an hmac secret'] };
const rsa = { publicKeys: [publicKey] };

/** How the callbacks of a case are signed. */
const keys = {
  sha1: { sha1: { secretKey: 'a secret' } },
  hmac: { hmac: { key: 'an hmac secret' } },
  rsa: { rsa: { privateKey } },
  rsaAndSha1: { rsa: { privateKey }, sha1: { secretKey: 'a secret' } },
  forged: { sha1: { secretKey: 'a guess' } },
  none: {},
} satisfies Record<string, SigningKeys>;

interface Setup extends Partial<DragonpaySettings> {
  readonly updateOnGet?: boolean;
  readonly allowInvalidData?: boolean;
}

/** The settings of the merchant. */
const setups = {
  sha1: {},
  hmac: { verification: { hmac } },
  rsa: { verification: { rsa } },
  transition: { verification: { rsa, sha1, transition: true } },
  strict: { allowInvalidData: false },
  updateOnGet: { updateOnGet: true },
  storesNothing: { saveData: false },
  paymentsOnly: { payout: undefined },
  strangers: { allowFrom: ['192.0.2.0/24'] },
} satisfies Record<string, Setup>;

interface WireCase extends Partial<Omit<RawRequest, 'body'>> {
  readonly setup?: keyof typeof setups;
  readonly signed?: keyof typeof keys;
  /** These fields replace fields of a callback which says that a payment of PHP 100.00 is paid. */
  readonly fields?: CallbackFields;
  /** Changes the fields after they were signed. */
  readonly onTheWay?: (fields: CallbackFields) => CallbackFields;
  /** Changes the form. It is sent as the body of a POST, and as the query of a GET. */
  readonly form?: (form: string) => string | Uint8Array;
  /** The payment; `null` for none. */
  readonly row?: Partial<PaymentDetails> | null;
  readonly payout?: Partial<PayoutDetails>;
  /** Statuses that were delivered before. */
  readonly before?: string;
  /** The status and the body of the reply, the row's status afterwards, and the outcome or the first rule that failed. */
  readonly expected: readonly [status: number, body: string, row: string | undefined, outcome: string | undefined];
}

const ok = 'result=OK';
const paid = [200, ok, 'S', 'applied'] as const;
const refused = (status: number, code: string) => [status, `error=${code}`, 'P', code] as const;
const kept = (outcome: string, row = 'P') => [200, ok, row, outcome] as const;

/** `txnid` and `merchantTxnId` of a case: its place in the table. */
const cases: Readonly<Record<string, WireCase>> = {
  'the first S': { expected: paid },
  'the first P': { fields: { status: 'P' }, expected: kept('applied') },
  'a second P': { fields: { status: 'P' }, before: 'P', expected: kept('duplicate') },
  'a second S': { before: 'S', expected: kept('duplicate', 'S') },
  'F after S': { fields: { status: 'F' }, before: 'S', expected: kept('stale', 'S') },
  'R after S': { fields: { status: 'R' }, before: 'PS', expected: [200, ok, 'R', 'applied'] },
  'K after R': { fields: { status: 'K' }, before: 'SR', expected: [200, ok, 'K', 'applied'] },
  'S after R': { before: 'SR', expected: kept('stale', 'R') },
  'S after F': { before: 'F', expected: paid },
  'A after F': { fields: { status: 'A' }, before: 'F', expected: kept('stale', 'F') },
  'U after it has been left': { fields: { status: 'U' }, before: 'UA', expected: kept('stale', 'A') },
  'a letter in no table': { fields: { status: 'D' }, expected: kept('unrecognized') },
  'a lower-case s': { fields: { status: 's' }, expected: kept('unrecognized') },
  'no row': { row: null, expected: [200, ok, undefined, 'not-found'] },
  'no row, strict': { setup: 'strict', row: null, expected: [404, 'error=not-found', undefined, undefined] },

  'the right amount': { fields: { amount: '100.00', ccy: 'PHP' }, expected: paid },
  'the right amount without decimals': { fields: { amount: '100' }, expected: paid },
  'another amount': { fields: { amount: '100.01' }, expected: kept('mismatch') },
  'another amount, already paid': { fields: { amount: '1.00' }, before: 'S', expected: kept('mismatch', 'S') },
  'another amount with a comma': { fields: { amount: '1,000.00' }, expected: kept('mismatch') },
  'an unsigned amount that cannot be read': { fields: { amount: '-100.00' }, expected: paid },
  'another currency': { fields: { ccy: 'USD' }, expected: kept('mismatch') },
  'a currency in lower case': { fields: { ccy: 'php' }, expected: paid },
  'a refno of 10 characters': { fields: { refno: 'ABCDEFGHJ1' }, expected: paid },
  'a refno of 32 characters': { fields: { refno: 'R'.repeat(32) }, expected: paid },
  'a refno of 33 characters': { fields: { refno: 'R'.repeat(33) }, expected: refused(400, 'malformed-field') },
  'another refno': { row: { refno: 'R-2' }, expected: kept('mismatch') },
  'a refno with a colon': { fields: { refno: 'R-1:S' }, expected: refused(400, 'malformed-field') },
  'no refno': { fields: { refno: '' }, expected: refused(400, 'missing-field') },
  'a status of two letters': { fields: { status: 'SS' }, expected: refused(400, 'malformed-field') },

  'a message with colons, and not ASCII': { fields: { message: '[000] Niño: ₱100 : ok' }, expected: paid },
  'a digest over ASCII': {
    onTheWay: (fields) => ({ ...fields, message: '[000] Ni\u00f1o' }),
    fields: { message: '[000] Ni?o' },
    expected: paid,
  },
  'an empty message': { fields: { message: '' }, expected: paid },
  'no message': {
    fields: { message: '' },
    onTheWay: ({ message: _, ...fields }) => fields,
    expected: paid,
  },
  'spaces around a value': { onTheWay: replaced('message', ' [000] Paid '), expected: refused(400, 'proof-mismatch') },
  'a digest in upper case': {
    onTheWay: (fields) => ({ ...fields, digest: fields.digest?.toUpperCase() ?? '' }),
    expected: paid,
  },
  'a forged digest': { signed: 'forged', expected: refused(400, 'proof-mismatch') },
  'a forged digest, strict': { setup: 'strict', signed: 'forged', expected: refused(400, 'proof-mismatch') },
  'no digest': { signed: 'none', expected: refused(400, 'proof-missing') },
  'an empty digest': { signed: 'none', fields: { digest: '' }, expected: refused(400, 'proof-missing') },
  'another status than the signed one': {
    fields: { status: 'F' },
    onTheWay: replaced('status', 'S'),
    expected: refused(400, 'proof-mismatch'),
  },
  'the proof of another kind only': { signed: 'hmac', expected: refused(400, 'proof-missing') },
  'the right merchantid': { fields: { merchantid: 'ACME' }, expected: paid },
  'another merchantid': { fields: { merchantid: 'acme' }, expected: refused(400, 'merchant-mismatch') },

  'names in another letter case': {
    form: (form) => form.replace('txnid=', 'TxnId=').replace('digest', 'DIGEST'),
    expected: paid,
  },
  'fields in another order, and more of them': {
    form: (form) => `expiry=&${form.split('&').reverse().join('&')}&billerId=1&billerId=2`,
    expected: paid,
  },
  'names that objects have': { form: (form) => `__proto__=x&${form}&constructor=x&toString=y`, expected: paid },
  'a status twice': { form: (form) => `${form}&status=S`, expected: refused(400, 'repeated-field') },
  'a status twice, once in upper case': {
    form: (form) => `STATUS=F&${form}`,
    expected: refused(400, 'repeated-field'),
  },
  'txnid and merchantTxnId': { form: (form) => `${form}&merchantTxnId=x`, expected: refused(400, 'ambiguous-kind') },
  'a NUL character': { fields: { message: 'a\0b' }, expected: refused(400, 'nul-character') },
  'half a percent escape': { form: (form) => `${form}&param1=50%`, expected: paid },
  'Latin-1, escaped': { form: (form) => form.replace('Paid', 'Ni%f1o'), expected: refused(400, 'invalid-utf8') },
  'Latin-1, as it is': {
    form: (form) => Buffer.from(form.replace('Paid', 'Ni\u00f1o'), 'latin1'),
    expected: refused(400, 'invalid-utf8'),
  },
  'an empty body': { form: () => '', expected: refused(400, 'missing-field') },
  'a body of 16,385 bytes': {
    form: (form) => `${form}&x=`.padEnd(16_385, 'x'),
    expected: refused(413, 'body-too-large'),
  },
  '65 fields': { form: (form) => `${'x=&'.repeat(60)}${form}`, expected: refused(413, 'body-too-large') },
  'the fields in the query of a POST': {
    target: '/dragonpay/callback?txnid=T&refno=R&status=F',
    form: () => '',
    expected: refused(400, 'missing-field'),
  },
  'a charset in the media type': {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8' },
    expected: paid,
  },
  JSON: { headers: { 'Content-Type': 'application/json' }, expected: refused(415, 'unsupported-media-type') },
  'a compressed body': {
    headers: { 'Content-Encoding': 'gzip' },
    form: (form) => gzipSync(form),
    expected: refused(415, 'unsupported-content-encoding'),
  },

  'a GET': { method: 'GET', expected: kept('skipped') },
  'a GET that may store': { method: 'GET', setup: 'updateOnGet', expected: paid },
  'a GET that may store, of a payment that is there': {
    ...{ method: 'GET', setup: 'updateOnGet', before: 'S' },
    expected: kept('duplicate', 'S'),
  },
  'a forged GET': { method: 'GET', setup: 'updateOnGet', signed: 'forged', expected: refused(400, 'proof-mismatch') },
  'a GET without a query': { method: 'GET', form: () => '', expected: refused(400, 'missing-field') },
  'a GET with a query of 8,193 bytes': {
    ...{ method: 'GET', form: (form) => `${form}&x=`.padEnd(8_193, 'x') },
    expected: refused(414, 'query-too-long'),
  },
  'a HEAD': { method: 'HEAD', setup: 'updateOnGet', expected: [200, '', 'P', undefined] },
  'an OPTIONS': { method: 'OPTIONS', setup: 'updateOnGet', expected: [204, '', 'P', undefined] },
  'a PUT': { method: 'PUT', expected: refused(405, 'method-not-allowed') },

  'an HMAC': { setup: 'hmac', signed: 'hmac', fields: { amount: '100.00' }, expected: paid },
  'an HMAC over another amount': {
    ...{ setup: 'hmac', signed: 'hmac', fields: { amount: '100.00' }, onTheWay: replaced('amount', '100.01') },
    expected: refused(400, 'proof-mismatch'),
  },
  'a digest where an HMAC is asked for': { setup: 'hmac', expected: refused(400, 'proof-missing') },
  'an RSA signature': {
    ...{ setup: 'rsa', signed: 'rsa', fields: { merchantid: 'ACME', param1: 'a', param2: 'b', amount: '100.00' } },
    expected: paid,
  },
  'an RSA signature without the merchantid on the wire': { setup: 'rsa', signed: 'rsa', expected: paid },
  'an RSA signature over another param1': {
    ...{ setup: 'rsa', signed: 'rsa', fields: { param1: 'a' }, onTheWay: replaced('param1', 'b') },
    expected: refused(400, 'proof-mismatch'),
  },
  'an RSA signature with a colon in param1': { setup: 'rsa', signed: 'rsa', fields: { param1: 'a:b' }, expected: paid },
  'an RSA signature, and another currency than it could cover': {
    ...{ setup: 'rsa', signed: 'rsa', fields: { ccy: 'USD' } },
    expected: kept('mismatch'),
  },
  'a digest where an RSA signature is asked for': { setup: 'rsa', expected: refused(400, 'proof-missing') },
  'a digest during a transition': { setup: 'transition', expected: paid },
  'both proofs during a transition': { setup: 'transition', signed: 'rsaAndSha1', expected: paid },
  'both proofs during a transition, one of them broken': {
    ...{ setup: 'transition', signed: 'rsaAndSha1', onTheWay: replaced('digest', '0'.repeat(40)) },
    expected: refused(400, 'proof-mismatch'),
  },

  'a payout': payoutCase({ payout: { refno: 'R-1' }, expected: paid }),
  'a payout in G': payoutCase({ payout: {}, fields: { status: 'G' }, expected: [200, ok, 'G', 'applied'] }),
  'a payout with other letter cases': payoutCase({
    payout: {},
    form: (form) => form.replace('merchantTxnId', 'merchantTXNid').replace('refno', 'refNo'),
    expected: paid,
  }),
  'a payout in R': payoutCase({ payout: {}, fields: { status: 'R' }, expected: kept('unrecognized') }),
  'a payout of another refno': payoutCase({ payout: { refno: 'R-2' }, expected: kept('mismatch') }),
  'a payout without its digest': payoutCase({ payout: {}, signed: 'none', expected: refused(400, 'proof-missing') }),
  'a payout where payments only are taken': payoutCase({
    ...{ setup: 'paymentsOnly', payout: {} },
    expected: refused(400, 'kind-not-accepted'),
  }),
  'a payment renamed into a payout of the same id': {
    payout: {},
    onTheWay: ({ txnid = '', ...fields }) => ({ merchantTxnId: txnid, ...fields }),
    expected: kept('mismatch'),
  },

  'a POST where nothing is to be stored': { setup: 'storesNothing', expected: kept('skipped') },
  'a POST from an address that may not': { setup: 'strangers', expected: refused(403, 'address-not-allowed') },
  'a GET from such an address': { setup: 'strangers', method: 'GET', expected: kept('skipped') },
};

function replaced(field: string, value: string) {
  return (fields: CallbackFields): CallbackFields => ({ ...fields, [field]: value });
}

/** A case without a payment is about a payout with its id. */
function payoutCase({ fields, ...rest }: WireCase): WireCase {
  return { row: null, ...rest, fields: { merchantTxnId: '', txnid: '', ...fields } };
}

/** The results of one request. */
interface Result {
  readonly reply: RawReply;
  readonly seen: unknown;
  readonly rejected: unknown;
  readonly row: unknown;
  readonly payout: unknown;
  readonly inbox: unknown;
}

type Repository = MemoryRepository | KyselyRepository<DragonpayTables>;

describe('On the wire', () => {
  let database: TestDatabase;
  const servers: Record<string, AdapterServer> = {};
  const repositories: Record<string, Repository> = {};
  /** The results that every server must have. */
  let endpoint: CallbackEndpoint;

  before(async () => {
    database = await createTestDatabase();
    const serves = { node: serveNode, express: serveExpress5([]), koa: serveKoa(3, parsersOfKoa['@koa/bodyparser']) };
    for (const [name, serve] of Object.entries(serves)) {
      servers[name] = await serve({ dispatch: (request) => endpoint.dispatch(request) }, 'plain');
      await database.pool.query(createMigrations({ schema: name }).toSQL());
      repositories[`${name} and memory`] = new MemoryRepository();
      repositories[`${name} and PostgreSQL`] = new KyselyRepository(database.db, { schema: name });
    }
  });

  after(async () => {
    for (const server of Object.values(servers)) await server.close();
    await database.destroy();
  });

  async function play(wireCase: WireCase, id: string, server: AdapterServer, repository: Repository): Promise<Result> {
    const { setup = 'sha1', signed = 'sha1', row = {}, payout, before = '' } = wireCase;
    if (row !== null) await repository.createPayment({ txnid: id, amount: '100.00', ...row });
    if (payout !== undefined) await repository.createPayout({ merchantTxnId: id, amount: '100.00', ...payout });

    let seen: unknown;
    let rejected: unknown;
    const { updateOnGet = false, allowInvalidData = true, ...settings }: Setup = setups[setup];
    @DragonpayCallback({ updateOnGet, allowInvalidData })
    class Recording {
      @OnGet()
      @OnPost()
      see({ request: _request, signal: _signal, ...callback }: Callback & { stored?: unknown }) {
        const { stored: _stored, ...rest } = callback;
        seen = rest;
      }
    }
    const dragonpay = createDragonpay({
      merchantId: 'ACME',
      environment: 'test',
      limits: { earlyMilliseconds: 0 },
      verification: { sha1 },
      payout: { sha1, sharedSecret: true },
      repository,
      ...settings,
      hooks: {
        rejected: (event) => {
          rejected = event;
        },
      },
    });
    endpoint = dragonpay.endpoint(Recording);

    const common = { txnid: id, refno: 'R-1', status: 'S', message: '[000] Paid' };
    for (const status of before) await deliver(server, formOf({ ...common, status }, keys.sha1));
    seen = rejected = undefined;

    const { fields = {}, onTheWay, form = (text) => text, method = 'POST', headers } = wireCase;
    const isPayout = 'merchantTxnId' in fields;
    const { txnid: _, ...withoutTxnid } = { ...common, ...fields };
    const own = isPayout ? { ...withoutTxnid, merchantTxnId: id } : { ...common, ...fields };
    const body = form(formOf(own, keys[signed], onTheWay));
    const inQuery = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
    const { target = '/dragonpay/callback' } = wireCase;
    const connection = await RawConnection.to(server.url);
    connection.send(
      encodeRequest({
        method,
        target: inQuery && body.length > 0 ? `${target}?${body}` : target,
        ...(headers && { headers }),
        ...(!inQuery && { body }),
      }),
    );
    const reply = await connection.reply(method);
    connection.destroy();
    return {
      reply,
      seen,
      rejected,
      row: withoutTimes(await repository.findPayment(id)),
      payout: withoutTimes(await repository.findPayout(id)),
      inbox: [...(await repository.callbacks({ txnid: id })), ...(await repository.callbacks({ merchantTxnId: id }))]
        .map(withoutTimes)
        .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
    };
  }

  function formOf(fields: CallbackFields, signing: SigningKeys, onTheWay = (signed: CallbackFields) => signed): string {
    return encodeCallback(onTheWay(signCallback(fields, signing, { merchantId: 'ACME' })));
  }

  async function deliver(server: AdapterServer, body: string): Promise<void> {
    const connection = await RawConnection.to(server.url);
    connection.send(encodeRequest({ target: '/dragonpay/callback', body }));
    expect((await connection.reply()).status).to.equal(200);
    connection.destroy();
  }

  function withoutTimes(value: object | undefined): unknown {
    if (value === undefined) return undefined;
    const times = ['createdAt', 'modifiedAt', 'firstSeen', 'lastSeen', 'cursor'];
    return Object.fromEntries(Object.entries(value).filter(([name]) => !times.includes(name)));
  }

  /** The outcome of a valid callback, the first issue of an invalid one, the reason of a refusal. */
  function outcomeOf({ seen, rejected }: Result): unknown {
    const callback = seen as Callback | undefined;
    if (callback?.valid) return callback.update.outcome;
    return callback?.issues[0]?.code ?? (rejected as { code?: string } | undefined)?.code;
  }

  for (const [index, [name, wireCase]] of Object.entries(cases).entries()) {
    it(name, async () => {
      const id = `W-${index}/a_b c`;
      const results: Record<string, Result> = {};
      for (const [combination, repository] of Object.entries(repositories)) {
        const server = servers[combination.split(' ')[0] ?? ''] as AdapterServer;
        results[combination] = await play(wireCase, id, server, repository);
      }
      const [status, body, row, outcome] = wireCase.expected;
      for (const [combination, result] of Object.entries(results)) {
        const { reply } = result;
        const isPayout = wireCase.payout !== undefined;
        const stored = (isPayout ? result.payout : result.row) as { status?: string } | undefined;
        const actual = [reply.status, reply.body, stored?.status, outcomeOf(result)];
        expect(actual, combination).to.deep.equal([status, body, row, outcome]);
        expect(result, combination).to.deep.equal(results['node and memory']);
      }
    });
  }
});
