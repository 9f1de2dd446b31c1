import { expect } from 'chai';
import { createDragonpay, settingsFromEnv } from '../../src/index.js';
import { expectRefusal, secret } from '../support/expect-refusal.js';
import { merchantKey } from '../support/proofs.js';

const env = { DRAGONPAY_MERCHANT_ID: 'ACME', DRAGONPAY_ENVIRONMENT: 'test', DRAGONPAY_SECRET_KEYS: secret };
type Env = Record<string, string | undefined>;

const lists = ['PUBLIC_KEYS', 'HMAC_KEYS', 'SECRET_KEYS', 'PAYOUT_SECRET_KEYS'];
const flags = ['TRANSITION', 'SAVE_DATA', 'PAYOUT_SHARED_SECRET'];

describe('settingsFromEnv', () => {
  /**
   * Variables without their prefix, wrong values of each, and what the error says. In the message, `at` follows the
   * name of the variable.
   */
  const refused: Array<[names: readonly string[], values: () => readonly unknown[], problem: RegExp]> = [
    [['MERCHANT_ID', 'ENVIRONMENT'], () => [undefined], /is required/],
    [['MERCHANT_ID', 'ENVIRONMENT', 'API_KEY', ...lists, ...flags], () => ['', ' \t'], /must not be blank/],
    [['MERCHANT_ID'], () => ['AC:ME', 'A'.repeat(21)], /1 to 20 printable ASCII/],
    [['ENVIRONMENT'], () => ['staging', 'TEST'], /must be "test" or "production"$/],
    [lists, () => [`${secret},,b`, `${secret},`, ',', '[]', `["${secret}", " "]`], /must not hold a blank item/],
    [lists, () => [`["${secret}"`, '[1]', `[["${secret}"]]`, `[${secret}`], /JSON array of strings/],
    [flags, () => ['yes', 'on', 'TRUE!', '2'], /must be "true" or "false"/],
  ];
  for (const [names, values, problem] of refused) {
    it(`refuses values of ${names.join(', ')}`.slice(0, 70).concat(`: ${problem}`).slice(0, 90), () => {
      for (const name of names) {
        for (const value of values()) {
          const variable = `DRAGONPAY_${name}`;
          expectRefusal(() => settingsFromEnv({ ...env, [variable]: value as string }), variable, problem);
        }
      }
    });
  }

  const onlyRsa = { DRAGONPAY_SECRET_KEYS: undefined };
  /** Variables that are wrong in combination, and wrong items of a list. */
  const wrong: Array<[what: string, changes: () => Env, subject: string, problem: RegExp]> = [
    ['nothing to verify with', () => onlyRsa, 'DRAGONPAY_API_KEY', /required.+DRAGONPAY_PAYOUT_SECRET_KEYS/],
    [
      'text for a public key',
      () => ({ ...onlyRsa, DRAGONPAY_PUBLIC_KEYS: secret }),
      'DRAGONPAY_PUBLIC_KEYS[0]',
      /must be a public key/,
    ],
    [
      'a private key among public keys',
      () => ({
        ...onlyRsa,
        DRAGONPAY_PUBLIC_KEYS: JSON.stringify([merchantKey().publicKeyDer, merchantKey().privateKeyPem]),
      }),
      'DRAGONPAY_PUBLIC_KEYS[1]',
      /must be a public key/,
    ],
    [
      'public keys beside secret keys without a transition',
      () => ({ DRAGONPAY_PUBLIC_KEYS: merchantKey().publicKeyDer }),
      'DRAGONPAY_TRANSITION',
      /must be true/,
    ],
    [
      'one secret for payments and payouts',
      () => ({ DRAGONPAY_PAYOUT_SECRET_KEYS: secret }),
      'DRAGONPAY_PAYOUT_SHARED_SECRET',
      /must be true/,
    ],
    [
      'a secret with a blank at its end',
      () => ({ DRAGONPAY_SECRET_KEYS: `["${secret} "]` }),
      'DRAGONPAY_SECRET_KEYS[0]',
      /no white space/,
    ],
    ['a secret outside ASCII', () => ({ DRAGONPAY_SECRET_KEYS: 'a,ñ' }), 'DRAGONPAY_SECRET_KEYS[1]', /must be ASCII/],
    ...[
      ['SECRET_KEY', 'SECRET_KEYS'],
      ['MERCHANTID', 'MERCHANT_ID'],
      ['PUBLIC_KEY', 'PUBLIC_KEYS'],
      ['APIKEY', 'API_KEY'],
      ['ENVIROMENT', 'ENVIRONMENT'],
      ['SAVEDATA', 'SAVE_DATA'],
      // The names of django-dragonpay.
      ['ID', 'MERCHANT_ID'],
      ['PASSWORD', 'SECRET_KEYS'],
      ['TEST_MODE', 'ENVIRONMENT'],
    ].map(([given, meant]): (typeof wrong)[number] => [
      `the unknown variable DRAGONPAY_${given}`,
      () => ({ [`DRAGONPAY_${given}`]: secret }),
      `DRAGONPAY_${given}`,
      new RegExp(`is unknown; did you mean DRAGONPAY_${meant}\\?`),
    ]),
  ];
  for (const [what, changes, subject, problem] of wrong) {
    it(`refuses ${what}, naming ${subject}`, () => {
      expectRefusal(() => settingsFromEnv({ ...env, ...changes() }), subject, problem);
    });
  }

  it('names every wrong variable at once and each of them once', () => {
    const several = {
      DRAGONPAY_MERCHANT_ID: '',
      DRAGONPAY_ENVIRONMENT: 'x',
      DRAGONPAY_HMAC_KEYS: '[',
      DRAGONPAY_APIKEY: 'k',
    };
    const { message } = expectRefusal(() => settingsFromEnv({ ...env, ...several }), 'DRAGONPAY_APIKEY', /^/);
    expect(message.split('\n').map((line) => line.split(' ')[0])).to.have.members(Object.keys(several));
  });

  const sha1 = { sha1: { secretKeys: [secret] } };
  const accepted: Array<[what: string, changes: () => Env, settings: () => object]> = [
    ['the least variables', () => ({}), () => ({ verification: sha1 })],
    [
      'production',
      () => ({ DRAGONPAY_ENVIRONMENT: 'production' }),
      () => ({ environment: 'production', verification: sha1 }),
    ],
    [
      'lists with commas',
      () => ({ DRAGONPAY_SECRET_KEYS: ' a , b c,d:e ' }),
      () => ({ verification: { sha1: { secretKeys: ['a', 'b c', 'd:e'] } } }),
    ],
    [
      'lists in JSON, whose items may hold commas',
      () => ({ DRAGONPAY_SECRET_KEYS: ' ["a,b", "[c]"] ' }),
      () => ({ verification: { sha1: { secretKeys: ['a,b', '[c]'] } } }),
    ],
    [
      'HMAC keys beside secret keys',
      () => ({ DRAGONPAY_HMAC_KEYS: 'h' }),
      () => ({ verification: { hmac: { keys: ['h'] }, ...sha1 } }),
    ],
    [
      'an API key alone as RSA with fetched keys',
      () => ({ ...onlyRsa, DRAGONPAY_API_KEY: 'k' }),
      () => ({ apiKey: 'k', verification: { rsa: {} } }),
    ],
    [
      'an API key beside secret keys without RSA',
      () => ({ DRAGONPAY_API_KEY: 'k' }),
      () => ({ apiKey: 'k', verification: sha1 }),
    ],
    [
      'an API key beside secret keys in a transition as RSA too',
      () => ({ DRAGONPAY_API_KEY: 'k', DRAGONPAY_TRANSITION: 'true' }),
      () => ({ apiKey: 'k', verification: { rsa: {}, ...sha1, transition: true } }),
    ],
    [
      'public keys in PEM with escaped line breaks',
      () => ({ ...onlyRsa, DRAGONPAY_PUBLIC_KEYS: merchantKey().publicKeyPem.trim().replaceAll('\n', '\\n') }),
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
          ...sha1,
          transition: true,
        },
      }),
    ],
    [
      'payouts only',
      () => ({ ...onlyRsa, DRAGONPAY_PAYOUT_SECRET_KEYS: 'p,q' }),
      () => ({ payout: { sha1: { secretKeys: ['p', 'q'] } } }),
    ],
    [
      'payouts beside payments with one secret',
      () => ({ DRAGONPAY_PAYOUT_SECRET_KEYS: secret, DRAGONPAY_PAYOUT_SHARED_SECRET: 'true' }),
      () => ({ verification: sha1, payout: { ...sha1, sharedSecret: true } }),
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
    ).map(([value, saveData]): (typeof accepted)[number] => [
      `DRAGONPAY_SAVE_DATA set to "${value}"`,
      () => ({ DRAGONPAY_SAVE_DATA: value }),
      () => ({ verification: sha1, saveData }),
    ]),
    [
      'a transition that is over',
      () => ({ DRAGONPAY_TRANSITION: 'false' }),
      () => ({ verification: { ...sha1, transition: false } }),
    ],
    ['a variable of another program', () => ({ DRAGONPAY_CHECKOUT_PAGE_TITLE: 'Pay' }), () => ({ verification: sha1 })],
  ];
  for (const [what, changes, settings] of accepted) {
    it(`reads ${what}`, () => {
      const read = settingsFromEnv({ ...env, ...changes() });
      expect(read).to.deep.equal({ merchantId: 'ACME', environment: 'test', ...settings() });
      expect(createDragonpay(read)).to.have.property('endpoint');
    });
  }

  it('reads the variables of the process by default', () => {
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
