import { createPrivateKey, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { createDragonpay, DragonpayCallback, MemoryRepository, OnPost } from '../../src/index.js';
import { checkSettings, settingProblems } from '../../src/settings/check-settings.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import { expectRefusal, secret } from '../support/expect-refusal.js';
import { judge, wordFor } from '../support/judge.js';
import { opensslEcKey, opensslRsaKey, opensslSha1 } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

const good = { merchantId: 'ACME', environment: 'test', verification: { sha1: { secretKeys: [secret] } } };
const rsaOrder = ['txnid', 'refno', 'status', 'message', 'merchantid', 'param1', 'param2', 'amount'];

/** Settings that differ from good ones in one path, such as `limits.fields`. */
function goodBut(path: string, value: unknown): object {
  const [name = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...good, [name]: value };
  const inner = rest.reduceRight<unknown>((item, key) => ({ [key]: item }), value);
  return { ...good, [name]: inner };
}

describe('createDragonpay', () => {
  /** The path of a value, wrong values, and the text of the error. Its subject is the path plus `at`. */
  const refused: Array<[path: string, values: () => readonly unknown[], problem: RegExp, at?: string]> = [
    [
      'merchantId',
      () => [undefined, null, '', '  ', 'AC:ME', 'a'.repeat(21), 'ACME\n', ' ACME', 7],
      /must be 1 to 20 printable ASCII/,
    ],
    ['environment', () => [undefined, null, 'staging', 'toString', 7], /must be "test", "production" or \{ gateway/],
    [
      'environment.gateway',
      () => [
        ...[undefined, ' ', 'gw.dragonpay.ph', 'https://', '//gw.dragonpay.ph', 'javascript:alert(1)'],
        ...['http://gw.dragonpay.ph', 'http://localhost.example.com', 'http://127.0.0.1.example.com'],
        ...['http://10.0.0.1', 'http://0.0.0.0', 'ftp://127.0.0.1', 'https://gw.dragonpay.ph?a=b', 'https://a.ph#b'],
        ...[`https://user:${secret}@gw.dragonpay.ph`, `http://${secret}@127.0.0.1`],
      ],
      /must be an https URL/,
    ],
    ['environment', () => [{ gateway: 'https://a.ph', port: 1 }], /port is unknown/, '.port'],
    ['apiKey', () => ['', '\t ', null, 7, `${secret}\n`, ` ${secret}`], /no white space at its ends/],
    ['verification', () => [{}, { transition: true }], /at least one of rsa, hmac and sha1/],
    ['verification', () => [null, 'sha1', []], /must be an object/],
    ['verification.transition', () => ['true', 1], /true or false/],
    ['verification.rsa', () => [null, true], /must be an object/],
    ['verification.rsa.publicKeys', () => [[], 'key', null], /list with at least one item/],
    [
      'verification.rsa.publicKeys',
      () => [
        [secret],
        [undefined],
        [merchantKey().privateKeyPem],
        [{ key: merchantKey().publicKeyPem }],
        [createPrivateKey(merchantKey().privateKeyPem)],
        [opensslRsaKey(1024).publicKeyPem],
        [opensslEcKey().publicKeyPem],
      ],
      /must be an? (?:RSA )?(?:public )?key/,
      '[0]',
    ],
    ['verification.hmac.keys', () => [undefined, null, [], secret], /list with at least one item/],
    ['verification.hmac.keys', () => [[''], [' '], [` ${secret}`], [`${secret}\n`], [7]], /no white space/, '[0]'],
    ['verification.sha1', () => [null, secret], /must be an object/],
    ['verification.sha1.secretKeys', () => [undefined, null, [], secret], /list with at least one item/],
    [
      'verification.sha1.secretKeys',
      () => [
        [secret, ''],
        [secret, ' \n'],
        [secret, undefined],
      ],
      /no white/,
      '[1]',
    ],
    ['verification.sha1.secretKeys', () => [['секретныйключ'], ['contraseña'], ['a\u2028b']], /must be ASCII/, '[0]'],
    ['payout', () => [null, 7], /must be an object/],
    ['payout.sha1', () => [undefined, null], /must be an object/],
    ['payout.sha1.secretKeys', () => [undefined, []], /list with at least one item/],
    ['payout.sha1.secretKeys', () => [['other', '']], /no white space/, '[1]'],
    ['payout.sha1.secretKeys', () => [['contraseña']], /must be ASCII.+wire\.payout\.sha1\.encodings/, '[0]'],
    ['repository', () => [null, {}, { store() {} }, { store() {}, findPayment() {} }], /methods store\(\), findP/],
    ['saveData', () => ['false', 0, null], /true or false/],
    ['resolver', () => [null, {}, { get: 1 }], /method get\(\)/],
    ['allowFrom', () => [[], '10.0.0.1', null], /list with at least one item/],
    [
      'allowFrom',
      () =>
        [
          ...['', 'localhost', 'gw.dragonpay.ph', '10.0.0', '10.0.0.256', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1'],
          ...['10.0.0.0/8.5', '10.0.0.0/8/9', '10.0.0.0/x', '::1/129', ':::', '10.0.0.*', '10.0.0.1:80', '[::1]', 7],
        ].map((address) => ['10.0.0.1', address]),
      /IP address or a CIDR block/,
      '[1]',
    ],
    ['clientAddress', () => ['ip', null], /must be a function/],
    ['confirm', () => ['sometimes', true, null], /must be "never", "final" or "always"/],
    ['inquiry', () => [null, 3], /must be an object/],
    ['inquiry.attempts', () => [0, 1.5, '3'], /integer from 1 to/],
    ['queue', () => [null, {}], /method enqueue\(\)/],
    ['limits', () => [null, []], /must be an object/],
    // Timers of Node have 31 bits: a longer time would be over at once.
    ...['bodyBytes', 'bodyMilliseconds', 'queryBytes', 'fields', 'handlerMilliseconds', 'storeMilliseconds'].map(
      (name): (typeof refused)[number] => [
        `limits.${name}`,
        () => [0, -1, 1.5, Number.NaN, '10', Number.POSITIVE_INFINITY, null, 2 ** 31, Number.MAX_SAFE_INTEGER],
        /integer from 1 to 1073741823/,
      ],
    ),
    ['hooks', () => [null, () => {}], /must be an object/],
    ['hooks.stored', () => ['log', null], /must be a function/],
    ['fetch', () => [7, null], /must be a function/],
    ['wire', () => [null, []], /must be an object/],
    ['wire.payment', () => [null], /must be an object/],
    ['wire.payment.sha1.fields', () => [[], 'txnid', null], /list with at least one item/],
    [
      'wire.payment.rsa.fields',
      () => [
        [...rsaOrder, 'digest'],
        [...rsaOrder, 'merchantTxnId'],
      ],
      /can be signed/,
    ],
    ['wire.payout.sha1.fields', () => [['txnid', 'refno', 'status']], /can be signed/],
    ['wire.payment.rsa.fields', () => [[...rsaOrder, 'amount']], /twice/],
    ...['txnid', 'refno', 'status'].map((field): (typeof refused)[number] => [
      'wire.payment.rsa.fields',
      () => [rsaOrder.filter((name) => name !== field)],
      new RegExp(`must include ${field}`),
    ]),
    ['wire.payout.sha1.fields', () => [['refno', 'status']], /must include merchantTxnId/],
    [
      'wire.payment.rsa.fields',
      () =>
        ['amount', 'status', 'refno', 'txnid'].map((field) => [
          ...['message', field, 'param1'],
          ...['txnid', 'refno', 'status'].filter((name) => name !== field),
        ]),
      /cut elsewhere/,
    ],
    ['wire.payment.hmac.encodings', () => [[], 'utf8'], /list with at least one item/],
    ['wire.payout.sha1.encodings', () => [['utf8', 'ebcdic']], /"utf8", "ascii", "latin1"/, '[1]'],
    ['wire.payment.rsa.separator', () => ['', 'a', '::::', ' - ', '-', '?', '¦'], /ASCII character.*cut into another/],
    ['wire.payment.rsa.pairs', () => ['sent', 1], /true, false or "as-sent"/],
    ['wire.payment.sha1.keySeparator', () => ['ñ', 5, 'x'.repeat(21)], /printable ASCII/],
    ['wire.payment.rsa.empty', () => ['gone'], /"kept" or "left-out"/],
  ];
  for (const [path, values, problem, at = ''] of refused) {
    it(`refuses a wrong ${path}${at}: ${String(problem).slice(0, 50)}`, () => {
      for (const value of values()) {
        expectRefusal(() => createDragonpay(goodBut(path, value) as never), `${path}${at}`, problem);
      }
    });
  }

  /** Unknown names, and the nearest right name. */
  const unknown: Array<[path: string, nearest: string | undefined]> = [
    ['repositry', 'repository'],
    ['merchantid', undefined],
    ['savedata', 'saveData'],
    ['clock', undefined],
    ['verification.sha256', undefined],
    ['verification.md5', undefined],
    ['verification.sha1.secretKey', 'secretKeys'],
    ['verification.hmac.key', 'keys'],
    ['verification.rsa.publicKey', 'publicKeys'],
    ['payout.sharedSecrets', 'sharedSecret'],
    ['limits.bodyByte', 'bodyBytes'],
    ['limits.toString', undefined],
    ['limits.__proto', undefined],
    ['inquiry.attempt', 'attempts'],
    ['inquiry.backoffMilliseconds', 'timeoutMilliseconds'],
    ['hooks.store', 'stored'],
    ['wire.paymnt', 'payment'],
    ['wire.payment.sha', 'sha1'],
    ['wire.payment.rsa.feilds', 'fields'],
    ['wire.payout.sha1.encoding', 'encodings'],
  ];
  for (const [path, nearest] of unknown) {
    it(`refuses the unknown setting ${path}${nearest ? `, and proposes ${nearest}` : ''}`, () => {
      const problems = settingProblems(goodBut(path, 1) as never);
      const { problem = '' } = problems.find(({ subject }) => subject === path) ?? {};
      expect(problem).to.match(/^is unknown/);
      if (nearest !== undefined) expect(problem).to.equal(`is unknown; did you mean ${nearest}?`);
      expect(() => createDragonpay(goodBut(path, 1) as never)).to.throw(`${path} is unknown`);
    });
  }

  const rsa = () => ({ publicKeys: [merchantKey().publicKeyPem] });
  const sha1 = { secretKeys: [secret] };
  /** Settings that are wrong only in combination. */
  const together: Array<[what: string, settings: () => object, subject: string, problem: RegExp]> = [
    ['nothing to verify with', () => ({ verification: undefined }), 'verification', /or payout is required/],
    ['rsa without keys and without an API key', () => ({ verification: { rsa: {} } }), 'apiKey', /public keys/],
    ['confirm without an API key', () => ({ confirm: 'final' }), 'apiKey', /confirm: "final"/],
    ...[{ hmac: { keys: [secret] } }, { sha1 }].flatMap((weaker): typeof together => [
      [
        `rsa beside ${Object.keys(weaker)} without a transition`,
        () => ({ verification: { rsa: rsa(), ...weaker } }),
        'verification.transition',
        /must be true/,
      ],
      [
        `fetched rsa beside ${Object.keys(weaker)} after the transition`,
        () => ({ apiKey: secret, verification: { rsa: {}, ...weaker, transition: false } }),
        'verification.transition',
        /must be true/,
      ],
    ]),
    ...['c0ffe', 'zz', `${secret}00`].map((key): (typeof together)[number] => [
      `the hex key ${key === 'c0ffe' ? 'with half a byte' : 'with other characters'}`,
      () => ({ verification: { hmac: { keys: ['c0ffee', key], encoding: 'hex' } } }),
      'verification.hmac.keys[1]',
      /hex digits/,
    ]),
    [
      'an unknown encoding of HMAC keys',
      () => ({ verification: { hmac: { keys: [secret], encoding: 'base64' } } }),
      'verification.hmac.encoding',
      /"utf8" or "hex"/,
    ],
    ...(['hmac', 'sha1'] as const).flatMap((proof) =>
      (['hex', 'base64'] as const).map((keyEncoding): (typeof together)[number] => [
        `a key of ${proof} that wire reads as ${keyEncoding}, but is not, and would be empty`,
        () => ({
          verification: { [proof]: proof === 'hmac' ? { keys: ['!'] } : { secretKeys: ['!'] } },
          wire: { payment: { [proof]: { also: [{ keyEncoding }] } } },
        }),
        proof === 'hmac' ? 'verification.hmac.keys[0]' : 'verification.sha1.secretKeys[0]',
        keyEncoding === 'hex' ? /pairs of hex digits/ : /must be base64/,
      ]),
    ),
    ...(
      [
        ['behind', '', 'a secret', 'secret', 1],
        ['behind', '&key=', 'a&key=secret', 'secret', 1],
        ['in-front', '', 'secret', 'secret 2', 0],
      ] as const
    ).map(([key, keySeparator, one, other, index]): (typeof together)[number] => [
      `secrets of which one is a part of the other, glued ${key} the text by "${keySeparator}"`,
      () => ({
        verification: { sha1: { secretKeys: [one, other] } },
        wire: { payment: { sha1: { key, keySeparator } } },
      }),
      `verification.sha1.secretKeys[${index}]`,
      /must not be the beginning or the end of another secret/,
    ]),
    ...[undefined, false].map((sharedSecret): (typeof together)[number] => [
      `one secret for payments and payouts with sharedSecret ${sharedSecret}`,
      () => ({ payout: { sha1: { secretKeys: ['other', secret] }, sharedSecret } }),
      'payout.sharedSecret',
      /must be true/,
    ]),
    ...[
      { encodings: ['utf8'], also: [{ encodings: ['ascii'] }] },
      { encodings: ['utf8', 'latin1'] },
      { encodings: ['windows-1252'] },
    ].map((sha1): (typeof together)[number] => [
      `a secret that wire cannot write in ${JSON.stringify(sha1).replace(/[{}"[\]]|encodings:/g, '')}`,
      () => ({ verification: { sha1: { secretKeys: ['ключ'] } }, wire: { payment: { sha1 } } }),
      'verification.sha1.secretKeys[0]',
      /must be ASCII/,
    ]),
    [
      'a secret outside ASCII where the wire has ascii alone',
      () => ({ verification: { sha1: { secretKeys: ['ñ'] } }, wire: { payment: { sha1: { encodings: ['ascii'] } } } }),
      'verification.sha1.secretKeys[0]',
      /must be ASCII/,
    ],
  ];
  for (const [what, settings, subject, problem] of together) {
    it(`refuses ${what}`, () => {
      expectRefusal(() => createDragonpay({ ...good, ...settings() } as never), subject, problem);
    });
  }

  it('refuses settings that are no object', () => {
    for (const settings of [undefined, null, 'settings', []]) {
      expectRefusal(() => createDragonpay(settings as never), 'settings', /must be an object/);
    }
  });

  it('names every wrong setting at once, one on each line', () => {
    const wrong = {
      merchantId: '',
      environment: 'staging',
      verification: { sha1: {} },
      repositry: {},
      limits: { x: 1 },
    };
    const { message } = expectRefusal(() => createDragonpay(wrong as never), 'merchantId', /^/);
    expect(message.split('\n').map((line) => line.split(' ')[0])).to.have.members([
      ...['merchantId', 'environment', 'verification.sha1.secretKeys', 'repositry', 'limits.x'],
    ]);
  });

  const accepted: Array<[what: string, settings: () => object]> = [
    ['the least settings', () => ({})],
    ['production', () => ({ environment: 'production' })],
    ...[
      ...['https://sandbox.example.com', 'https://sandbox.example.com:8443/dragonpay/'],
      ...['http://localhost:3000', 'http://127.0.0.1', 'http://127.1.2.3:80', 'http://[::1]:3000'],
    ].map((gateway): [string, () => object] => [`a gateway at ${gateway}`, () => ({ environment: { gateway } })]),
    ['a merchant id of 20 characters', () => ({ merchantId: 'A'.repeat(20) })],
    ['payouts only', () => ({ verification: undefined, payout: { sha1 } })],
    ['a secret of its own for payouts', () => ({ payout: { sha1: { secretKeys: ['other'] } } })],
    ['one secret for payments and payouts, said explicitly', () => ({ payout: { sha1, sharedSecret: true } })],
    ['fetched rsa', () => ({ apiKey: secret, verification: { rsa: {} } })],
    ['given rsa keys without an API key', () => ({ verification: { rsa: rsa() } })],
    [
      'an rsa KeyObject',
      () => ({ verification: { rsa: { publicKeys: [createPublicKey(merchantKey().publicKeyPem)] } } }),
    ],
    ['rsa alone in a transition', () => ({ verification: { rsa: rsa(), transition: true } })],
    [
      'rsa beside the weaker proofs in a transition',
      () => ({ apiKey: secret, verification: { rsa: {}, hmac: { keys: [secret] }, sha1, transition: true } }),
    ],
    ['hmac beside sha1', () => ({ verification: { hmac: { keys: ['00', 'FF'], encoding: 'hex' }, sha1 } })],
    ['a secret with inner spaces and colons', () => ({ verification: { sha1: { secretKeys: ['a: b'] } } })],
    [
      'a secret outside ASCII where the wire is utf8 alone',
      () => ({ verification: { sha1: { secretKeys: ['ñ'] } }, wire: { payment: { sha1: { encodings: ['utf8'] } } } }),
    ],
    [
      'a secret that latin1 has, where the wire is latin1',
      () => ({
        verification: { sha1: { secretKeys: ['ñ?'] } },
        wire: { payment: { sha1: { encodings: ['latin1'] } } },
      }),
    ],
    [
      'secrets that only begin alike, glued behind the text',
      () => ({
        verification: { sha1: { secretKeys: ['secret', 'secret 2'] } },
        wire: { payment: { sha1: { keySeparator: '' } } },
      }),
    ],
    [
      'a secret that is a part of another one, behind a separator',
      () => ({
        verification: { sha1: { secretKeys: ['a secret', 'secret'] } },
      }),
    ],
    ['an HMAC key outside ASCII', () => ({ verification: { hmac: { keys: ['ñ'] } } })],
    ['a repository that is not stored to', () => ({ repository: new MemoryRepository(), saveData: false })],
    ['a resolver', () => ({ resolver: new Map() })],
    [
      'every limit',
      () => ({ limits: { bodyBytes: 1, queryBytes: 1, fields: 1, handlerMilliseconds: 1, storeMilliseconds: 1 } }),
    ],
    ['names that are undefined', () => ({ limits: { bodyBytes: undefined, other: undefined }, other: undefined })],
    [
      'addresses and blocks',
      () => ({
        allowFrom: ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.1/32', '::1', 'fe80::/10', '::/0', '::1/128'],
      }),
    ],
    [
      'another order on the wire',
      () => ({
        wire: {
          payment: { rsa: { fields: ['txnid', 'refno', 'status', 'amount', 'message', 'merchantid', 'param1'] } },
        },
      }),
    ],
    [
      'a leading free text',
      () => ({ wire: { payment: { sha1: { fields: ['message', 'txnid', 'refno', 'status'] } } } }),
    ],
    [
      'other encodings',
      () => ({ wire: { payment: { sha1: { encodings: ['ascii'] } }, payout: { sha1: { encodings: ['utf8'] } } } }),
    ],
    ['an empty wire', () => ({ wire: {} })],
  ];
  for (const [what, settings] of accepted) {
    it(`accepts ${what}`, () => {
      expect(createDragonpay({ ...good, ...settings() } as never))
        .to.have.property('endpoint')
        .that.is.a('function');
    });
  }

  const both = { ...good, payout: { sha1: { secretKeys: ['other'] } } };
  const endpoints: Array<[what: string, settings: object, kinds: unknown[] | undefined, isRefused: boolean]> = [
    ['payouts where only payments are configured', good, ['payout'], true],
    ['no kind', both, [], true],
    ['an unknown kind', both, ['refund'], true],
    ['payments', good, ['payment'], false],
    ['the configured one of several kinds', good, ['payment', 'payout'], false],
    ['every kind', both, undefined, false],
  ];
  @DragonpayCallback()
  class Handler {
    @OnPost() post() {}
  }
  for (const [what, settings, kinds, isRefused] of endpoints) {
    it(`${isRefused ? 'refuses' : 'makes'} an endpoint for ${what}`, () => {
      const make = () => createDragonpay(settings as never).endpoint(Handler, kinds && ({ kinds } as never));
      if (isRefused) expectRefusal(make, 'kinds', /kind/);
      else expect(make()).to.have.property('dispatch');
    });
  }
});

describe('checkSettings', () => {
  it('constructs nothing: it calls neither fetch nor the resolver', () => {
    const never = () => {
      throw new Error('called');
    };
    const settings = { ...good, apiKey: secret, verification: { rsa: {} }, fetch: never, resolver: { get: never } };
    expect(checkSettings(settings as never)).to.equal(undefined);
  });
});

describe('resolveSettings', () => {
  it('fills in the limits that are not given', () => {
    expect(resolveSettings({ ...good, limits: { fields: 5, bodyBytes: undefined } } as never).limits).to.deep.equal({
      bodyBytes: 16_384,
      bodyMilliseconds: 10_000,
      queryBytes: 8_192,
      fields: 5,
      handlerMilliseconds: 10_000,
      storeMilliseconds: 10_000,
      earlyMilliseconds: 2_000,
    });
  });

  it('copies lists of keys, so that a later change of a list has no effect', async () => {
    const secretKeys = [secret];
    const { policy } = resolveSettings({ ...good, verification: { sha1: { secretKeys } } } as never);
    secretKeys[0] = 'another';
    const fields = { txnid: 'T', refno: 'R', status: 'S' };
    expect(wordFor(await judge({ ...fields, digest: opensslSha1(`T:R:S::${secret}`) }, policy))).to.equal('ok');
    const byAnother = await judge({ ...fields, digest: opensslSha1('T:R:S::another') }, policy);
    expect(wordFor(byAnother)).to.equal('proof-mismatch');
  });
});
