import { expect } from 'chai';
import { diagnoseCallback } from '../../src/diagnosis/diagnose-callback.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { judgeForm, policyOf, wordFor } from '../support/judge.js';
import { opensslDigest, opensslMac, opensslRsaKey, opensslSignWith, type SignWith } from '../support/openssl.js';
import { accepting, type Fields, hmacKey, merchantKey, secretKey } from '../support/proofs.js';

/** The values of the first callback, of a second one, and of one that was changed on the way. */
const first = {
  txnid: 'ORD-7Q2M9XKDV0B4',
  refno: 'ABCD1234EFGH',
  status: 'S',
  message: '[000] BPI Reference No: 20251210 #ABCD1234',
  merchantid: 'ACME',
  param1: 'cart 9',
  param2: '',
  amount: '1500.50',
  ccy: 'PHP',
  procid: 'BPI',
  settledate: '2025-12-10',
};
const second = { ...first, txnid: 'ORD-AAAA', refno: 'ZZZZ9999', message: '[000] Paid', amount: '20.00', param1: 'x' };

interface Gateway {
  readonly algorithm: 'rsa' | 'hmac' | 'sha1';
  /** The text that the gateway signs. */
  readonly text: (fields: typeof first) => string;
  readonly sign?: SignWith;
  readonly encode?: (text: string) => Buffer;
  /** How a proof is written. */
  readonly write?: (proof: Buffer) => string;
}

const of =
  (names: string, separator = ':') =>
  (fields: typeof first) =>
    names
      .split(' ')
      .map((name) => fields[name as keyof typeof first])
      .join(separator);
const usual = 'txnid refno status message merchantid param1 param2 amount';
/** Fields outside of the protocol that the callback also has. */
const others = { expiry: '2026-01-01', billerId: 'B-77' };
const withOthers =
  (names: string, separator = ':') =>
  (fields: typeof first) =>
    of(names, separator)({ ...fields, ...others });
const sorted = Object.keys(first).sort() as Array<keyof typeof first>;

const gateways: Readonly<Record<string, Gateway>> = {
  'PSS padding': { algorithm: 'rsa', text: of(usual), sign: { padding: 'pss' } },
  SHA512: { algorithm: 'rsa', text: of(usual), sign: { hash: 'sha512' } },
  'SHA-1 and a vertical bar': { algorithm: 'rsa', text: of(usual, '|'), sign: { hash: 'sha1' } },
  'another order': { algorithm: 'rsa', text: of('txnid refno amount status message merchantid param1 param2') },
  'the amount third of four': { algorithm: 'rsa', text: of('merchantid txnid refno amount ccy status message') },
  'eight fields in an order of its own': {
    algorithm: 'rsa',
    text: of('amount merchantid txnid ccy refno procid status message'),
  },
  'six fields in an order of its own, with bars': {
    algorithm: 'rsa',
    text: of('status amount txnid message refno ccy', '|'),
  },
  'fields that are not of the protocol at the end': { algorithm: 'rsa', text: withOthers(`${usual} expiry billerId`) },
  'one that is not of the protocol in the middle': {
    algorithm: 'rsa',
    text: withOthers('txnid refno billerId status message amount', '|'),
  },
  'no free text': { algorithm: 'hmac', text: of('amount txnid refno status') },
  'hints among the fields': { algorithm: 'rsa', text: of(`${usual} ccy procid settledate`) },
  'fields in the order of the wire': { algorithm: 'rsa', text: of(Object.keys(first).join(' ')) },
  'sorted pairs that are not empty': {
    algorithm: 'rsa',
    text: (fields) =>
      sorted
        .filter((name) => fields[name] !== '')
        .map((name) => `${name}=${fields[name]}`)
        .join('&'),
    write: (proof) => proof.toString('base64url'),
  },
  'CR and LF between the fields': { algorithm: 'rsa', text: of(usual, '\r\n') },
  'two bars between the fields': { algorithm: 'rsa', text: of(usual, '||') },
  'a tab, and the amount second': { algorithm: 'rsa', text: of('txnid amount refno status message', '\t') },
  'the usual fields reversed': { algorithm: 'rsa', text: of(usual.split(' ').reverse().join(' ')) },
  'tabs in UTF16, and an order of its own': {
    algorithm: 'hmac',
    text: of('txnid status refno amount', '\t'),
    encode: (text) => Buffer.from(text, 'utf16le'),
  },
  'big-endian UTF16': { algorithm: 'rsa', text: of(usual), encode: (text) => Buffer.from(text, 'utf16le').swap16() },
  'a proof as .NET prints bytes': {
    algorithm: 'rsa',
    text: of(usual, '|'),
    write: (proof) =>
      proof
        .toString('hex')
        .toUpperCase()
        .replace(/..(?=.)/g, '$&-'),
  },
  UTF16: { algorithm: 'rsa', text: of(usual), encode: (text) => Buffer.from(text, 'utf16le') },
  'amounts in centavos': {
    algorithm: 'rsa',
    text: (fields) => of(usual)({ ...fields, amount: fields.amount.replace('.', '') }),
  },
  'grouped amounts and PSS': {
    algorithm: 'rsa',
    sign: { padding: 'pss', hash: 'sha512' },
    text: (fields) => of(usual)({ ...fields, amount: fields.amount.replace(/^1/, '1,') }),
  },
  'HMAC of the fields of RSA': { algorithm: 'hmac', text: of(usual) },
  'HMAC with SHA-512, in base64': {
    algorithm: 'hmac',
    text: of('txnid refno status message amount', '|'),
    sign: { hash: 'sha512' },
    write: (proof) => proof.toString('base64'),
  },
  'a digest with the key in front': {
    algorithm: 'sha1',
    text: (fields) => `${secretKey}:${of('txnid refno status message')(fields)}`,
  },
  'a digest with the key glued behind': {
    algorithm: 'sha1',
    text: (fields) => `${of('txnid refno status message')(fields)}${secretKey}`,
  },
  'the amount, and the key glued in front': {
    algorithm: 'sha1',
    text: (fields) => `${secretKey}${of('txnid refno status message amount', '|')(fields)}`,
  },
  'sorted pairs and the key as one more': {
    algorithm: 'sha1',
    sign: { hash: 'sha256' },
    text: (fields) =>
      `${sorted
        .filter((name) => fields[name] !== '')
        .map((name) => `${name}=${fields[name]}`)
        .join('&')}&key=${secretKey}`,
  },
  'a digest with the amount, by SHA-256': {
    algorithm: 'sha1',
    text: (fields) => `${of('txnid refno status message amount')(fields)}:${secretKey}`,
    sign: { hash: 'sha256' },
  },
};

const fieldOf = { rsa: 'signatures', hmac: 'signature', sha1: 'digest' } as const;

function signed(gateway: Gateway, fields: typeof first): Fields {
  const { algorithm, text, sign = {}, encode = Buffer.from, write } = gateway;
  const bytes = encode(text(fields));
  const proof =
    algorithm === 'rsa'
      ? opensslSignWith(merchantKey(), bytes, sign)
      : algorithm === 'hmac'
        ? opensslMac(hmacKey, bytes, sign.hash ?? 'sha256')
        : opensslDigest(bytes, sign.hash ?? 'sha1');
  const written = (write ?? ((one: Buffer) => one.toString(algorithm === 'rsa' ? 'base64' : 'hex')))(proof);
  return { ...fields, ...others, [fieldOf[algorithm]]: written };
}

function settingsFor(algorithm: Gateway['algorithm']): DragonpaySettings {
  return { merchantId: 'ACME', environment: 'test', ...accepting(algorithm) };
}

describe('Diagnosing a callback', () => {
  for (const [name, gateway] of Object.entries(gateways)) {
    it(`finds a safe setting for a gateway with ${name}`, async () => {
      const settings = settingsFor(gateway.algorithm);
      const form = encodeCallback(signed(gateway, first));
      expect(wordFor(await judgeForm(form, policyOf(settings))), 'by default').to.equal('proof-mismatch');
      // Two seconds are enough on an idle machine.
      const { outcome, wire, proofs } = await diagnoseCallback(form, settings, { milliseconds: 20_000 });
      expect(outcome, JSON.stringify(proofs)).to.equal('mended');
      const policy = policyOf({ ...settings, wire: JSON.parse(JSON.stringify(wire)) });
      expect(wordFor(await judgeForm(form, policy))).to.equal('ok');
      const next = signed(gateway, second);
      const { privateKeyPem: privateKey } = merchantKey();
      const ours = signCallback(
        second,
        { rsa: { privateKey }, hmac: { key: hmacKey }, sha1: { secretKey } },
        wire === undefined ? {} : { wire },
      );
      expect(wordFor(await judgeForm(encodeCallback(ours), policy)), 'signCallback').to.equal('ok');
      expect(wordFor(await judgeForm(encodeCallback(next), policy)), 'the next callback').to.equal('ok');
      for (const change of [{ status: 'F' }, { txnid: 'ORD-AAAB' }, { refno: 'ZZZZ9998' }]) {
        const changed = encodeCallback({ ...next, ...change });
        expect(wordFor(await judgeForm(changed, policy)), JSON.stringify(change)).to.equal('proof-mismatch');
      }
    });
  }

  const unsafe: Readonly<Record<string, [Gateway, RegExp]>> = {
    'no separator': [{ algorithm: 'rsa', text: of(usual, '') }, /separator.*cut into another payment/],
    'folded letters': [
      { algorithm: 'rsa', text: (fields) => of(usual)(fields).toLowerCase() },
      /lower case.*have the same proof/,
    ],
    'an unsigned status': [{ algorithm: 'rsa', text: of('txnid refno message amount') }, /must include status/],
  };
  for (const [name, [gateway, reason]] of Object.entries(unsafe)) {
    it(`explains a gateway with ${name}, and gives no setting`, async () => {
      const form = encodeCallback(signed(gateway, first));
      const diagnosis = await diagnoseCallback(form, settingsFor('rsa'), { milliseconds: 20_000 });
      expect(diagnosis.outcome, JSON.stringify(diagnosis)).to.equal('unsafe');
      expect(diagnosis.wire).to.equal(undefined);
      expect(diagnosis.proofs[0]?.findings.join('; ')).to.match(reason);
    });
  }

  it('gives both readings where an empty field may be left out or not be signed', async () => {
    const filled = { ...second, param2: 'filled' };
    const leavesOut = (fields: typeof first) =>
      usual
        .split(' ')
        .flatMap((name) => fields[name as keyof typeof first] || [])
        .join(':');
    for (const text of [leavesOut, of('txnid refno status message merchantid param1 amount')]) {
      const gateway: Gateway = { algorithm: 'rsa', text };
      const form = encodeCallback(signed(gateway, first));
      const { outcome, wire, proofs } = await diagnoseCallback(form, settingsFor('rsa'), { milliseconds: 20_000 });
      expect(outcome, JSON.stringify(proofs)).to.equal('mended');
      expect(proofs[0]?.findings.join('; ')).to.include('param2 is empty here');
      const policy = policyOf({ ...settingsFor('rsa'), ...(wire && { wire }) });
      for (const fields of [first, second, filled]) {
        const next = signed(gateway, fields);
        expect(wordFor(await judgeForm(encodeCallback(next), policy))).to.equal('ok');
        expect(wordFor(await judgeForm(encodeCallback({ ...next, amount: '1.00' }), policy))).to.equal(
          'proof-mismatch',
        );
      }
    }
  });

  it('finds the setting where this callback itself stays refused, as a value holds the separator', async () => {
    const gateway: Gateway = { algorithm: 'rsa', text: withOthers(`${usual} expiry`) };
    const late = { ...others };
    others.expiry = '2026-01-01T10:00';
    try {
      const { outcome, wire } = await diagnoseCallback(encodeCallback(signed(gateway, first)), settingsFor('rsa'), {
        milliseconds: 20_000,
      });
      expect(outcome).to.equal('ambiguous');
      others.expiry = late.expiry;
      const policy = policyOf({ ...settingsFor('rsa'), ...(wire && { wire }) });
      expect(wordFor(await judgeForm(encodeCallback(signed(gateway, second)), policy))).to.equal('ok');
    } finally {
      others.expiry = late.expiry;
    }
  });

  it('says what the reading does not cover, and what the callback does not tell', async () => {
    const form = encodeCallback(signed({ algorithm: 'rsa', text: of(usual, '|') }, first));
    const findings = (await diagnoseCallback(form, settingsFor('rsa'))).proofs[0]?.findings.join('; ');
    expect(findings).to.include('it does not cover ccy, procid, settledate, expiry, billerId');
    expect(findings).to.include('all values are ASCII');
  });

  it('tells another key from another text, and shows no secret', async () => {
    const { privateKeyPem } = merchantKey();
    const other = opensslSignWith(opensslRsaKey(), Buffer.from(of(usual)(first)), {}).toString('base64');
    const byOther = await diagnoseCallback(encodeCallback({ ...first, signatures: other }), settingsFor('rsa'));
    expect(byOther.outcome).to.equal('not-found');
    expect(byOther.proofs[0]?.findings[0]).to.equal('the signature was not made with the public key');
    const text = opensslSignWith(merchantKey(), Buffer.from('something else'), {}).toString('base64');
    const ofOther = await diagnoseCallback(encodeCallback({ ...first, signatures: text }), settingsFor('rsa'), {
      milliseconds: 300,
    });
    expect(ofOther.outcome).to.equal('not-found');
    expect(ofOther.proofs[0]?.findings[0]).to.match(/^key [0-9a-f]{16} made the signature, with PKCS#1 v1.5/);
    expect(JSON.stringify([byOther, ofOther])).to.not.include(privateKeyPem.slice(40, 80));
  });

  for (const [what, sign, finding] of [
    [
      'PSS as Java makes it',
      { padding: 'pss', mask: 'sha1' },
      /PSS padding over sha256, whose mask \(MGF1\) is made with sha1/,
    ],
    ['MD5', { hash: 'md5' }, /PKCS#1 v1.5 padding over 34 bytes that name none of the known hashes/],
  ] as const) {
    it(`says that the key made a signature of ${what}, though no setting can say it`, async () => {
      const signatures = opensslSignWith(merchantKey(), Buffer.from(of(usual)(first)), sign).toString('base64');
      const { outcome, proofs } = await diagnoseCallback(encodeCallback({ ...first, signatures }), settingsFor('rsa'));
      expect(outcome).to.equal('not-found');
      expect(proofs[0]?.findings.join())
        .to.match(/^key [0-9a-f]{16} made the signature/)
        .and.to.match(finding);
    });
  }

  it('says that a callback is accepted as configured', async () => {
    const form = encodeCallback(signed({ algorithm: 'rsa', text: of(usual) }, first));
    expect((await diagnoseCallback(form, settingsFor('rsa'))).outcome).to.equal('accepted');
  });
});
