import { createPrivateKey } from 'node:crypto';
import { expect } from 'chai';
import {
  createDragonpay,
  DragonpayCallback,
  DragonpayError,
  MemoryRepository,
  settingsFromEnv,
} from '../../src/index.js';
import { checkSettings, holdsAddress } from '../../src/settings/check-settings.js';
import { judge, wordFor } from '../support/judge.js';
import { opensslEcKey, opensslRsaKey, opensslSha1 } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

/** Occurs in every secret below, and in no error. */
const secret = 'sw0rdfish';

const good = { merchantId: 'ACME', environment: 'test', verification: { sha1: { secretKeys: [secret] } } };

/** Everything that an error shows of itself. */
function shown(error: unknown): string {
  const { message, stack, cause } = error as Error;
  return [message, stack, String(cause), JSON.stringify(error), JSON.stringify(cause), String(error)].join('\n');
}

function thrownBy(run: () => unknown): DragonpayError {
  try {
    run();
  } catch (error) {
    expect(DragonpayError.is(error), String(error)).to.equal(true);
    return error as DragonpayError;
  }
  throw new Error('nothing was thrown');
}

function expectRefusal(run: () => unknown, subject: string, complaint: RegExp): void {
  const error = thrownBy(run);
  expect(error.code).to.equal('invalid-setting');
  expect(error.subject).to.equal(subject);
  expect(error.message)
    .to.match(complaint)
    .and.to.satisfy((message: string) => message.startsWith(subject));
  expect(shown(error)).to.not.include(secret);
}

describe('createDragonpay', () => {
  type Line = [what: string, settings: () => object, subject: string, complaint: RegExp];
  const withVerification = (verification: object) => () => ({ ...good, verification });
  const withWire = (wire: object) => () => ({ ...good, wire });
  const rsaOrder = ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'];

  const refused: Line[] = [
    ['no settings', () => undefined as unknown as object, 'settings', /missing/],
    ['settings that are null', () => null as unknown as object, 'settings', /missing/],
    ['no merchant id', () => ({ ...good, merchantId: undefined }), 'merchantId', /printable/],
    ['an empty merchant id', () => ({ ...good, merchantId: '' }), 'merchantId', /printable/],
    ['a blank merchant id', () => ({ ...good, merchantId: '  ' }), 'merchantId', /printable/],
    ['a merchant id with a colon', () => ({ ...good, merchantId: 'AC:ME' }), 'merchantId', /":"/],
    ['a merchant id of 21 characters', () => ({ ...good, merchantId: 'a'.repeat(21) }), 'merchantId', /20/],
    ['a merchant id with a line break', () => ({ ...good, merchantId: 'ACME\n' }), 'merchantId', /printable/],
    ['a merchant id that is a number', () => ({ ...good, merchantId: 7 }), 'merchantId', /printable/],
    ['no environment', () => ({ ...good, environment: undefined }), 'environment', /"test"/],
    ['an unknown environment', () => ({ ...good, environment: 'staging' }), 'environment', /"test"/],
    ['an environment by the name of an object', () => ({ ...good, environment: 'toString' }), 'environment', /"test"/],
    ['a null environment', () => ({ ...good, environment: null }), 'environment', /"test"/],
    ['an environment without a gateway', () => ({ ...good, environment: {} }), 'environment', /"test"/],
    ['a blank gateway', () => ({ ...good, environment: { gateway: ' ' } }), 'environment', /"test"/],
    ...[
      'http://gw.dragonpay.ph',
      'http://localhost.example.com',
      'http://127.0.0.1.example.com',
      'http://10.0.0.1',
      'http://0.0.0.0',
      'ftp://127.0.0.1',
      'gw.dragonpay.ph',
      'https://',
      '//gw.dragonpay.ph',
      'javascript:alert(1)',
      `https://user:${secret}@gw.dragonpay.ph`,
      `http://${secret}@127.0.0.1`,
    ].map(
      (gateway): Line => [
        `a gateway at ${gateway}`,
        () => ({ ...good, environment: { gateway } }),
        'environment.gateway',
        /https/,
      ],
    ),
    ['an empty API key', () => ({ ...good, apiKey: '' }), 'apiKey', /blank/],
    ['a blank API key', () => ({ ...good, apiKey: '\t ' }), 'apiKey', /blank/],
    ['nothing to verify with', () => ({ ...good, verification: undefined }), 'verification', /missing/],
    ['a verification of nothing', withVerification({}), 'verification', /none of rsa, hmac and sha1/],
    ['a transition of nothing', withVerification({ transition: true }), 'verification', /none of/],
    [
      'a transition that is text',
      withVerification({ ...good.verification, transition: 'true' }),
      'verification.transition',
      /true/,
    ],
    ['rsa to be fetched without an API key', withVerification({ rsa: {} }), 'apiKey', /missing/],
    ['rsa with no key', withVerification({ rsa: { publicKeys: [] } }), 'verification.rsa.publicKeys', /no list/],
    [
      'rsa with one key outside a list',
      withVerification({ rsa: { publicKeys: 'key' } }),
      'verification.rsa.publicKeys',
      /no list/,
    ],
    [
      'rsa with text for a key',
      withVerification({ rsa: { publicKeys: [secret] } }),
      'verification.rsa.publicKeys[0]',
      /no public key/,
    ],
    [
      'rsa with a private key',
      () => withVerification({ rsa: { publicKeys: [merchantKey().publicKeyPem, merchantKey().privateKeyPem] } })(),
      'verification.rsa.publicKeys[1]',
      /no public key/,
    ],
    [
      'rsa with a private KeyObject',
      () => withVerification({ rsa: { publicKeys: [createPrivateKey(merchantKey().privateKeyPem)] } })(),
      'verification.rsa.publicKeys[0]',
      /no RSA public key/,
    ],
    [
      'rsa with a small key',
      () => withVerification({ rsa: { publicKeys: [opensslRsaKey(1024).publicKeyPem] } })(),
      'verification.rsa.publicKeys[0]',
      /1024 bits/,
    ],
    [
      'rsa with another kind of key',
      () => withVerification({ rsa: { publicKeys: [opensslEcKey().publicKeyPem] } })(),
      'verification.rsa.publicKeys[0]',
      /no RSA/,
    ],
    [
      'rsa with no key in the list',
      withVerification({ rsa: { publicKeys: [undefined] } }),
      'verification.rsa.publicKeys[0]',
      /./,
    ],
    ['hmac without keys', withVerification({ hmac: {} }), 'verification.hmac.keys', /no list/],
    ['hmac with an empty list', withVerification({ hmac: { keys: [] } }), 'verification.hmac.keys', /no list/],
    [
      'hmac with a key outside a list',
      withVerification({ hmac: { keys: secret } }),
      'verification.hmac.keys',
      /no list/,
    ],
    [
      'hmac with an empty key',
      withVerification({ hmac: { keys: [secret, ''] } }),
      'verification.hmac.keys[1]',
      /blank/,
    ],
    [
      'hmac with a key that is no text',
      withVerification({ hmac: { keys: [Buffer.from(secret)] } }),
      'verification.hmac.keys[0]',
      /blank/,
    ],
    [
      'hmac with an unknown encoding',
      withVerification({ hmac: { keys: [secret], encoding: 'base64' } }),
      'verification.hmac.encoding',
      /"hex"/,
    ],
    [
      'hmac with hex that is none',
      withVerification({ hmac: { keys: ['c0ffee', secret], encoding: 'hex' } }),
      'verification.hmac.keys[1]',
      /not hex/,
    ],
    [
      'hmac with half a byte of hex',
      withVerification({ hmac: { keys: ['c0ffe'], encoding: 'hex' } }),
      'verification.hmac.keys[0]',
      /not hex/,
    ],
    ['sha1 without secret keys', withVerification({ sha1: {} }), 'verification.sha1.secretKeys', /no list/],
    [
      'sha1 with an empty list',
      withVerification({ sha1: { secretKeys: [] } }),
      'verification.sha1.secretKeys',
      /no list/,
    ],
    [
      'sha1 with a key outside a list',
      withVerification({ sha1: { secretKeys: secret } }),
      'verification.sha1.secretKeys',
      /no list/,
    ],
    [
      'sha1 with a blank key',
      withVerification({ sha1: { secretKeys: [' \n'] } }),
      'verification.sha1.secretKeys[0]',
      /blank/,
    ],
    [
      'sha1 with no key in the list',
      withVerification({ sha1: { secretKeys: [secret, undefined] } }),
      'verification.sha1.secretKeys[1]',
      /blank/,
    ],
    ['payout without sha1', () => ({ ...good, payout: {} }), 'payout.sha1.secretKeys', /no list/],
    [
      'payout with a blank key',
      () => ({ ...good, payout: { sha1: { secretKeys: [secret, ''] } } }),
      'payout.sha1.secretKeys[1]',
      /blank/,
    ],
    ...([{ hmac: { keys: [secret] } }, { sha1: { secretKeys: [secret] } }] as const).flatMap((weaker): Line[] => [
      [
        `rsa beside ${Object.keys(weaker)} without a transition`,
        () => withVerification({ rsa: { publicKeys: [merchantKey().publicKeyPem] }, ...weaker })(),
        'verification',
        /transition: true/,
      ],
      [
        `fetched rsa beside ${Object.keys(weaker)} with the transition over`,
        () => ({ ...good, apiKey: secret, verification: { rsa: {}, ...weaker, transition: false } }),
        'verification',
        /transition: true/,
      ],
    ]),
    ['a repository without store()', () => ({ ...good, repository: {} }), 'repository', /store\(\)/],
    ['a repository that is null', () => ({ ...good, repository: null }), 'repository', /store\(\)/],
    [
      'a repository without findPayout()',
      () => ({ ...good, repository: { store() {}, findPayment() {} } }),
      'repository',
      /findPayout\(\)/,
    ],
    ['a null verification', () => ({ ...good, verification: null }), 'verification', /no object/],
    ['a null payout', () => ({ ...good, payout: null }), 'payout', /no object/],
    ['a null sha1', () => ({ ...good, verification: { sha1: null } }), 'verification.sha1', /no object/],
    ['a null wire.payment', () => ({ ...good, wire: { payment: null } }), 'wire.payment', /no object/],
    ['a saveData of text', () => ({ ...good, saveData: 'false' }), 'saveData', /neither true nor false/],
    ['a clientAddress of text', () => ({ ...good, clientAddress: 'ip' }), 'clientAddress', /no function/],
    ['a hook of text', () => ({ ...good, hooks: { stored: 'log' } }), 'hooks.stored', /no function/],
    ['a resolver without get()', () => ({ ...good, resolver: {} }), 'resolver', /get\(\)/],
    ['a resolver that is null', () => ({ ...good, resolver: null }), 'resolver', /get\(\)/],
    ...(
      [
        ['bodyBytes', 0],
        ['queryBytes', -1],
        ['fields', 1.5],
        ['handlerMilliseconds', Number.NaN],
        ['storeMilliseconds', '10'],
        ['fields', Number.POSITIVE_INFINITY],
        ['bodyBytes', null],
      ] as const
    ).map(
      ([name, value]): Line => [
        `a limit ${name} of ${value}`,
        () => ({ ...good, limits: { [name]: value } }),
        `limits.${name}`,
        /whole number/,
      ],
    ),
    // A timer of Node takes 31 bits: a longer time would pass at once.
    [
      'a deadline that no timer can keep',
      () => ({ ...good, limits: { handlerMilliseconds: 2 ** 31 } }),
      'limits.handlerMilliseconds',
      /./,
    ],
    [
      'a time for the database that no timer can keep',
      () => ({ ...good, limits: { storeMilliseconds: Number.MAX_SAFE_INTEGER } }),
      'limits.storeMilliseconds',
      /./,
    ],
    ['an unknown limit', () => ({ ...good, limits: { bodySize: 5 } }), 'limits.bodySize', /unknown/],
    ['a limit by the name of an object', () => ({ ...good, limits: { toString: 5 } }), 'limits.toString', /unknown/],
    ['nobody to allow', () => ({ ...good, allowFrom: [] }), 'allowFrom', /no list/],
    ['an address outside a list', () => ({ ...good, allowFrom: '10.0.0.1' }), 'allowFrom', /no list/],
    ...[
      '',
      'localhost',
      'gw.dragonpay.ph',
      '10.0.0',
      '10.0.0.256',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/-1',
      '10.0.0.0/8.5',
      '10.0.0.0/8/9',
      '10.0.0.0/x',
      '::1/129',
      ':::',
      '10.0.0.*',
      '10.0.0.1:80',
      '[::1]',
    ].map(
      (address): Line => [
        `to allow from ${JSON.stringify(address)}`,
        () => ({ ...good, allowFrom: ['10.0.0.1', address] }),
        'allowFrom[1]',
        /CIDR/,
      ],
    ),
    ['no field on the wire', withWire({ payment: { sha1: { fields: [] } } }), 'wire.payment.sha1.fields', /no list/],
    [
      'fields of the wire outside a list',
      withWire({ payment: { hmac: { fields: 'txnid' } } }),
      'wire.payment.hmac.fields',
      /no list/,
    ],
    [
      'an unknown field on the wire',
      withWire({ payment: { rsa: { fields: [...rsaOrder, 'ccy'] } } }),
      'wire.payment.rsa.fields',
      /never signed/,
    ],
    [
      'a payout id in a payment',
      withWire({ payment: { sha1: { fields: ['merchantTxnId', 'refno', 'status'] } } }),
      'wire.payment.sha1.fields',
      /never signed/,
    ],
    [
      'a payment id in a payout',
      withWire({ payout: { sha1: { fields: ['txnid', 'refno', 'status'] } } }),
      'wire.payout.sha1.fields',
      /never signed/,
    ],
    [
      'a field twice on the wire',
      withWire({ payment: { rsa: { fields: [...rsaOrder, 'amount'] } } }),
      'wire.payment.rsa.fields',
      /twice/,
    ],
    ...(['txnid', 'refno', 'status'] as const).map(
      (field): Line => [
        `${field} left unsigned`,
        withWire({ payment: { rsa: { fields: rsaOrder.filter((name) => name !== field) } } }),
        'wire.payment.rsa.fields',
        new RegExp(`leaves ${field} unsigned`),
      ],
    ),
    [
      'merchantTxnId left unsigned',
      withWire({ payout: { sha1: { fields: ['refno', 'status'] } } }),
      'wire.payout.sha1.fields',
      /leaves merchantTxnId/,
    ],
    ...['amount', 'status', 'refno', 'txnid'].map(
      (field): Line => [
        `${field} between two free texts`,
        withWire({
          payment: {
            rsa: {
              fields: ['message', field, 'param1', ...['txnid', 'refno', 'status'].filter((name) => name !== field)],
            },
          },
        }),
        'wire.payment.rsa.fields',
        /re-cut/,
      ],
    ),
    [
      'no encoding on the wire',
      withWire({ payment: { hmac: { encodings: [] } } }),
      'wire.payment.hmac.encodings',
      /no list/,
    ],
    [
      'an unknown encoding on the wire',
      withWire({ payout: { sha1: { encodings: ['utf8', 'latin1'] } } }),
      'wire.payout.sha1.encodings',
      /other than/,
    ],
  ];

  for (const [what, settings, subject, complaint] of refused) {
    it(`refuses ${what}, naming ${subject}`, () => {
      expectRefusal(() => createDragonpay(settings() as never), subject, complaint);
    });
  }

  const taken: Array<[what: string, settings: () => object]> = [
    ['the least there can be', () => good],
    ['production', () => ({ ...good, environment: 'production' })],
    ...[
      'https://sandbox.example.com',
      'https://sandbox.example.com:8443/dragonpay/',
      'http://localhost:3000',
      'http://127.0.0.1',
      'http://127.1.2.3:80',
      'http://[::1]:3000',
    ].map((gateway): [string, () => object] => [
      `a gateway at ${gateway}`,
      () => ({ ...good, environment: { gateway } }),
    ]),
    ['a merchant id of 20 characters', () => ({ ...good, merchantId: 'A'.repeat(20) })],
    ['payouts only', () => ({ ...good, verification: undefined, payout: { sha1: { secretKeys: [secret] } } })],
    ['fetched rsa', () => ({ ...good, apiKey: secret, verification: { rsa: {} } })],
    [
      'given rsa, without an API key',
      () => ({ ...good, verification: { rsa: { publicKeys: [merchantKey().publicKeyDer] } } }),
    ],
    [
      'rsa alone in a transition',
      () => ({ ...good, verification: { rsa: { publicKeys: [merchantKey().publicKeyPem] }, transition: true } }),
    ],
    [
      'rsa beside the others in a transition',
      () => ({
        ...good,
        apiKey: secret,
        verification: { rsa: {}, hmac: { keys: [secret] }, sha1: { secretKeys: [secret] }, transition: true },
      }),
    ],
    [
      'hmac beside sha1 without one',
      () => ({
        ...good,
        verification: { hmac: { keys: ['00', 'FF'], encoding: 'hex' }, sha1: { secretKeys: [secret] } },
      }),
    ],
    ['a secret key with spaces and colons', () => ({ ...good, verification: { sha1: { secretKeys: [' a: b '] } } })],
    ['a repository, used or not', () => ({ ...good, repository: new MemoryRepository(), saveData: false })],
    ['a resolver', () => ({ ...good, resolver: new Map() })],
    [
      'every limit',
      () => ({
        ...good,
        limits: { bodyBytes: 1, queryBytes: 1, fields: 1, handlerMilliseconds: 1, storeMilliseconds: 1 },
      }),
    ],
    ['limits that are left open', () => ({ ...good, limits: { bodyBytes: undefined } })],
    [
      'addresses and blocks',
      () => ({ ...good, allowFrom: ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fe80::/10', '::/0'] }),
    ],
    [
      'another order on the wire',
      () => ({
        ...good,
        wire: {
          payment: { rsa: { fields: ['txnid', 'refno', 'status', 'amount', 'message', 'merchantid', 'param1'] } },
        },
      }),
    ],
    [
      'one free text among the others',
      () => ({ ...good, wire: { payment: { sha1: { fields: ['message', 'txnid', 'refno', 'status'] } } } }),
    ],
    [
      'another encoding on the wire',
      () => ({
        ...good,
        wire: { payment: { sha1: { encodings: ['ascii'] } }, payout: { sha1: { encodings: ['utf8'] } } },
      }),
    ],
    ['an empty wire', () => ({ ...good, wire: {} })],
  ];
  for (const [what, settings] of taken) {
    it(`takes ${what}`, () => {
      expect(createDragonpay(settings() as never))
        .to.have.property('endpoint')
        .that.is.a('function');
    });
  }

  it('fills in the limits that are not given', () => {
    expect(checkSettings({ ...good, limits: { fields: 5 } } as never).limits).to.deep.equal({
      bodyBytes: 16_384,
      queryBytes: 8_192,
      fields: 5,
      handlerMilliseconds: 10_000,
      storeMilliseconds: 10_000,
    });
  });

  it('is not moved by a list of keys that changes later', async () => {
    const secretKeys = [secret];
    const { policy } = checkSettings({ ...good, verification: { sha1: { secretKeys } } } as never);
    secretKeys[0] = 'another';
    const fields = { txnid: 'T', refno: 'R', status: 'S' };
    expect(wordFor(await judge({ ...fields, digest: opensslSha1(`T:R:S::${secret}`) }, policy))).to.equal('ok');
    expect(wordFor(await judge({ ...fields, digest: opensslSha1('T:R:S::another') }, policy))).to.equal(
      'proof-mismatch',
    );
  });

  describe('refuses an endpoint', () => {
    @DragonpayCallback()
    class Handler {}

    const both = { ...good, payout: { sha1: { secretKeys: [secret] } } } as never;
    const cases: Array<[what: string, settings: never, kinds: unknown[] | undefined, refused: boolean]> = [
      ['for payouts where only payments are configured', good as never, ['payout'], true],
      ['for no kind', both, [], true],
      ['for an unknown kind', both, ['refund'], true],
      ['not for payments', good as never, ['payment'], false],
      ['not for what is configured of several', good as never, ['payment', 'payout'], false],
      ['not for every kind', both, undefined, false],
    ];
    for (const [what, settings, kinds, isRefused] of cases) {
      it(what, () => {
        const make = () => createDragonpay(settings).endpoint(Handler, kinds && ({ kinds } as never));
        if (isRefused) expectRefusal(make, 'kinds', /no kind/);
        else expect(make()).to.have.property('dispatch');
      });
    }
  });
});

describe('allowFrom', () => {
  const lines: Array<[allowed: string, address: string | undefined, holds: boolean]> = [
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['203.0.113.7', '::ffff:203.0.113.7', true],
    ['203.0.113.7', '::FFFF:203.0.113.7', true],
    ['203.0.113.7', '::ffff:203.0.113.8', false],
    ['203.0.113.7', '::ffff:cb00:7107', true],
    ['203.0.113.0/24', '203.0.113.255', true],
    ['203.0.113.0/24', '203.0.114.0', false],
    ['203.0.113.0/24', '::ffff:203.0.113.1', true],
    ['203.0.113.77/24', '203.0.113.1', true],
    ['203.0.113.7/32', '203.0.113.7', true],
    ['203.0.113.7/32', '203.0.113.6', false],
    ['0.0.0.0/0', '198.51.100.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::7', '2001:db8::7', true],
    ['2001:db8::7', '2001:0DB8:0:0:0:0:0:7', true],
    ['2001:db8::7', '2001:db8::8', false],
    ['2001:db8::/32', '2001:db8:ffff::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::1', '127.0.0.1', false],
    ['127.0.0.1', '::1', false],
    ['0.0.0.0/0', undefined, false],
    ['0.0.0.0/0', '', false],
    ['0.0.0.0/0', 'unknown', false],
    ['0.0.0.0/0', '203.0.113.7, 198.51.100.1', false],
    ['0.0.0.0/0', '203.0.113.7:443', false],
    ['::/0', '[::1]', false],
  ];
  for (const [allowed, address, holds] of lines) {
    it(`${allowed} ${holds ? 'holds' : 'does not hold'} ${address}`, () => {
      const { allowFrom } = checkSettings({ ...good, allowFrom: ['192.0.2.200', allowed] } as never);
      expect(holdsAddress(allowFrom as NonNullable<typeof allowFrom>, address)).to.equal(holds);
    });
  }
});

describe('settingsFromEnv', () => {
  const env = {
    DRAGONPAY_MERCHANT_ID: 'ACME',
    DRAGONPAY_ENVIRONMENT: 'test',
    DRAGONPAY_SECRET_KEYS: secret,
  };
  type Env = Record<string, string | undefined>;

  const refused: Array<[what: string, changes: () => Env, variable: string, complaint: RegExp]> = [
    ...['DRAGONPAY_MERCHANT_ID', 'DRAGONPAY_ENVIRONMENT'].map((name): [string, () => Env, string, RegExp] => [
      `no ${name}`,
      () => ({ [name]: undefined }),
      name,
      /missing/,
    ]),
    ...[
      'MERCHANT_ID',
      'ENVIRONMENT',
      'API_KEY',
      'PUBLIC_KEYS',
      'HMAC_KEYS',
      'SECRET_KEYS',
      'PAYOUT_SECRET_KEYS',
      'TRANSITION',
      'SAVE_DATA',
    ].flatMap((suffix) =>
      ['', ' \t'].map((blank): [string, () => Env, string, RegExp] => {
        const name = `DRAGONPAY_${suffix}`;
        return [`${name} set to ${JSON.stringify(blank)}`, () => ({ [name]: blank }), name, /empty or blank/];
      }),
    ),
    ['a merchant id with a colon', () => ({ DRAGONPAY_MERCHANT_ID: 'AC:ME' }), 'DRAGONPAY_MERCHANT_ID', /":"/],
    [
      'a merchant id that is too long',
      () => ({ DRAGONPAY_MERCHANT_ID: 'A'.repeat(21) }),
      'DRAGONPAY_MERCHANT_ID',
      /20/,
    ],
    ['an unknown environment', () => ({ DRAGONPAY_ENVIRONMENT: 'staging' }), 'DRAGONPAY_ENVIRONMENT', /neither/],
    ['an environment in upper case', () => ({ DRAGONPAY_ENVIRONMENT: 'TEST' }), 'DRAGONPAY_ENVIRONMENT', /neither/],
    ['nothing to verify with', () => ({ DRAGONPAY_SECRET_KEYS: undefined }), 'DRAGONPAY_PUBLIC_KEYS', /missing/],
    ...['PUBLIC_KEYS', 'HMAC_KEYS', 'SECRET_KEYS', 'PAYOUT_SECRET_KEYS'].flatMap((suffix) => {
      const name = `DRAGONPAY_${suffix}`;
      const lists: Array<[what: string, value: string, complaint: RegExp]> = [
        ['an empty item', `${secret},,b`, /empty or blank item/],
        ['a comma at the end', `${secret},`, /empty or blank item/],
        ['only a comma', ',', /empty or blank item/],
        ['an empty JSON array', '[]', /empty or blank item/],
        ['a blank item in a JSON array', `["${secret}", " "]`, /empty or blank item/],
        ['a JSON array cut short', `["${secret}"`, /no JSON array of strings/],
        ['a JSON array of numbers', '[1]', /no JSON array of strings/],
        ['a JSON array of arrays', `[["${secret}"]]`, /no JSON array of strings/],
        ['a bracket and no JSON', `[${secret}`, /no JSON array of strings/],
      ];
      return lists.map(([what, value, complaint]): [string, () => Env, string, RegExp] => [
        `${name} with ${what}`,
        () => ({ [name]: value }),
        name,
        complaint,
      ]);
    }),
    [
      'public keys that are none',
      () => ({ DRAGONPAY_SECRET_KEYS: undefined, DRAGONPAY_PUBLIC_KEYS: secret }),
      'DRAGONPAY_PUBLIC_KEYS',
      /no public key/,
    ],
    [
      'a private key among public keys',
      () => ({
        DRAGONPAY_SECRET_KEYS: undefined,
        DRAGONPAY_PUBLIC_KEYS: JSON.stringify([merchantKey().publicKeyDer, merchantKey().privateKeyPem]),
      }),
      'DRAGONPAY_PUBLIC_KEYS',
      /no public key/,
    ],
    [
      'public keys beside secret keys',
      () => ({ DRAGONPAY_PUBLIC_KEYS: merchantKey().publicKeyDer }),
      'DRAGONPAY_TRANSITION',
      /transition: true/,
    ],
    ...['yes', 'on', 'TRUE!', '2'].flatMap((value) =>
      ['DRAGONPAY_TRANSITION', 'DRAGONPAY_SAVE_DATA'].map((name): [string, () => Env, string, RegExp] => [
        `${name} set to ${value}`,
        () => ({ [name]: value }),
        name,
        /neither "true" nor "false"/,
      ]),
    ),
  ];
  for (const [what, changes, variable, complaint] of refused) {
    it(`refuses ${what}, naming ${variable}`, () => {
      expectRefusal(() => settingsFromEnv({ ...env, ...changes() }), variable, complaint);
    });
  }

  const taken: Array<[what: string, changes: () => Env, settings: () => object]> = [
    ['the least there can be', () => ({}), () => ({ verification: { sha1: { secretKeys: [secret] } } })],
    [
      'production',
      () => ({ DRAGONPAY_ENVIRONMENT: 'production' }),
      () => ({ environment: 'production', verification: { sha1: { secretKeys: [secret] } } }),
    ],
    [
      'lists with commas',
      () => ({ DRAGONPAY_SECRET_KEYS: ' a , b c,d:e ' }),
      () => ({ verification: { sha1: { secretKeys: ['a', 'b c', 'd:e'] } } }),
    ],
    [
      'lists in JSON, whose items are not trimmed',
      () => ({ DRAGONPAY_SECRET_KEYS: ' [" a,b", "[c]"] ' }),
      () => ({ verification: { sha1: { secretKeys: [' a,b', '[c]'] } } }),
    ],
    [
      'HMAC keys beside secret keys',
      () => ({ DRAGONPAY_HMAC_KEYS: 'h' }),
      () => ({ verification: { hmac: { keys: ['h'] }, sha1: { secretKeys: [secret] } } }),
    ],
    [
      'an API key alone: RSA, with fetched keys',
      () => ({ DRAGONPAY_SECRET_KEYS: undefined, DRAGONPAY_API_KEY: 'k' }),
      () => ({ apiKey: 'k', verification: { rsa: {} } }),
    ],
    [
      'an API key beside secret keys: no RSA',
      () => ({ DRAGONPAY_API_KEY: 'k' }),
      () => ({ apiKey: 'k', verification: { sha1: { secretKeys: [secret] } } }),
    ],
    [
      'an API key beside secret keys in a transition: RSA too',
      () => ({ DRAGONPAY_API_KEY: 'k', DRAGONPAY_TRANSITION: 'true' }),
      () => ({ apiKey: 'k', verification: { rsa: {}, sha1: { secretKeys: [secret] }, transition: true } }),
    ],
    [
      'public keys, in PEM with escaped line breaks',
      () => ({
        DRAGONPAY_SECRET_KEYS: undefined,
        DRAGONPAY_PUBLIC_KEYS: merchantKey().publicKeyPem.trim().replaceAll('\n', '\\n'),
      }),
      () => ({ verification: { rsa: { publicKeys: [merchantKey().publicKeyPem.trim()] } } }),
    ],
    [
      'public keys beside secret keys in a transition',
      () => ({
        DRAGONPAY_PUBLIC_KEYS: `${merchantKey().publicKeyDer},${merchantKey().publicKeyDer}`,
        DRAGONPAY_TRANSITION: '1',
      }),
      () => ({
        verification: {
          rsa: { publicKeys: [merchantKey().publicKeyDer, merchantKey().publicKeyDer] },
          sha1: { secretKeys: [secret] },
          transition: true,
        },
      }),
    ],
    [
      'payouts only',
      () => ({ DRAGONPAY_SECRET_KEYS: undefined, DRAGONPAY_PAYOUT_SECRET_KEYS: 'p,q' }),
      () => ({ payout: { sha1: { secretKeys: ['p', 'q'] } } }),
    ],
    [
      'payouts beside payments',
      () => ({ DRAGONPAY_PAYOUT_SECRET_KEYS: 'p' }),
      () => ({ verification: { sha1: { secretKeys: [secret] } }, payout: { sha1: { secretKeys: ['p'] } } }),
    ],
    ...(
      [
        ['true', true],
        ['TRUE', true],
        ['1', true],
        ['false', false],
        [' False ', false],
        ['0', false],
      ] as const
    ).map(([value, saveData]): [string, () => Env, () => object] => [
      `DRAGONPAY_SAVE_DATA set to ${value}`,
      () => ({ DRAGONPAY_SAVE_DATA: value }),
      () => ({ verification: { sha1: { secretKeys: [secret] } }, saveData }),
    ]),
    [
      'a transition that is over',
      () => ({ DRAGONPAY_TRANSITION: 'false' }),
      () => ({ verification: { sha1: { secretKeys: [secret] }, transition: false } }),
    ],
  ];
  for (const [what, changes, settings] of taken) {
    it(`takes ${what}`, () => {
      const read = settingsFromEnv({ ...env, ...changes() });
      expect(read).to.deep.equal({ merchantId: 'ACME', environment: 'test', ...settings() });
      expect(createDragonpay(read)).to.have.property('endpoint');
    });
  }

  it('reads the variables of the process where none are given', () => {
    const before = { ...process.env };
    try {
      Object.assign(process.env, env);
      expect(settingsFromEnv()).to.deep.equal(settingsFromEnv(env));
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
});
