import { constants, createPrivateKey, verify } from 'node:crypto';
import { expect } from 'chai';
import { DragonpayError } from '../../src/errors.js';
import { signedTextOf } from '../../src/protocol/sign-callback.js';
import { encodeText, type SignedText, type TextEncoding } from '../../src/protocol/signed-text.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { type OpensslKeyPair, opensslHmac, opensslSha1, opensslSign } from '../support/openssl.js';
import { hints, hmacKey, merchantKey, payment, payout, payoutText, secretKey, texts, word } from '../support/proofs.js';

describe('signCallback', () => {
  let key: OpensslKeyPair;
  before(() => {
    key = merchantKey();
  });

  const allKeys = () => ({
    rsa: { privateKey: key.privateKeyPem },
    hmac: { key: hmacKey },
    sha1: { secretKey },
  });

  it('makes what openssl makes', () => {
    expect(signCallback({ ...payment, ...hints }, allKeys())).to.deep.equal({
      ...payment,
      ...hints,
      signatures: opensslSign(key, texts.rsa),
      signature: opensslHmac(hmacKey, texts.hmac).toUpperCase(),
      digest: opensslSha1(`${texts.sha1}:${secretKey}`),
    });
  });

  it('makes one proof for each key that is given', () => {
    const { rsa, hmac, sha1 } = allKeys();
    const made = (signingKeys: Parameters<typeof signCallback>[1]) =>
      Object.keys(signCallback(payment, signingKeys)).filter((name) => !(name in payment));
    expect(made({ rsa })).to.deep.equal(['signatures']);
    expect(made({ hmac })).to.deep.equal(['signature']);
    expect(made({ sha1 })).to.deep.equal(['digest']);
    expect(made({})).to.deep.equal([]);
  });

  it('signs a payout with SHA-1 only, in whatever letter case its names are', () => {
    const digest = opensslSha1(`${payoutText}:${secretKey}`);
    expect(signCallback(payout, allKeys())).to.deep.equal({ ...payout, digest });
    const { merchantTxnId, refNo, ...others } = payout;
    const shouted = { MERCHANTTXNID: merchantTxnId, REFNO: refNo, ...others };
    expect(signCallback(shouted, allKeys())).to.deep.equal({ ...shouted, digest });
  });

  it('signs the configured merchant id where the fields have none', () => {
    const { merchantid, ...others } = payment;
    const { rsa } = allKeys();
    const { signatures } = signCallback(others, { rsa }, { merchantId: 'ACME' });
    expect(signatures).to.equal(opensslSign(key, texts.rsa));
    expect(signCallback(others, { rsa }).signatures).to.equal(opensslSign(key, texts.rsa.replace('ACME', '')));
  });

  it('signs text as UTF-8, or as question marks when asked', () => {
    const fields = { txnid: 'T', refno: 'R', status: 'S', message: 'Niño 💸' };
    const sha1 = { secretKey };
    expect(signCallback(fields, { sha1 }).digest).to.equal(opensslSha1('T:R:S:Niño 💸:secret key'));
    expect(signCallback(fields, { sha1 }, { encoding: 'ascii' }).digest).to.equal(
      opensslSha1('T:R:S:Ni?o ??:secret key'),
    );
  });

  for (const key of ['behind', 'in-front'] as const) {
    for (const keyEncoding of ['utf8', 'hex'] as const) {
      it(`makes a digest that verifies with a key ${key} of ${keyEncoding}, in every encoding`, async () => {
        for (const one of ['utf8', 'ascii', 'latin1', 'windows-1252', 'utf16le', 'utf16be'] as const) {
          const wire = { payment: { sha1: { encodings: [one], key, keyEncoding, separator: '|' } } };
          const secretKey = keyEncoding === 'hex' ? 'c0ffee' : 'a secret';
          const signed = signCallback({ ...payment, message: 'Niño' }, { sha1: { secretKey } }, { wire });
          const settings = { verification: { sha1: { secretKeys: [secretKey] } }, wire };
          expect(await word(signed, settings), one).to.equal('ok');
        }
      });
    }
  }

  it('writes characters in the bytes of the encoding', () => {
    // The bytes are written by hand: some releases of Node take windows-1252 for Latin-1.
    const bytes: Array<[TextEncoding, number[]]> = [
      ['windows-1252', [0x4e, 0xf1, 0x80, 0x93, 0x9f, 0x3f]],
      ['latin1', [0x4e, 0xf1, 0x3f, 0x3f, 0x3f, 0x3f]],
      ['utf16be', [0x00, 0x4e, 0x00, 0xf1, 0x20, 0xac, 0x20, 0x1c, 0x01, 0x78, 0x26, 0x3a]],
    ];
    for (const [encoding, expected] of bytes) {
      expect([...encodeText('Nñ€“Ÿ☺', encoding)], encoding).to.deep.equal(expected);
    }
  });

  it('writes the names of pairs as they are given where wire says so', async () => {
    const fields = { TxnID: 'T', refNo: 'R', status: 'S' };
    const wire = {
      payment: { sha1: { fields: ['txnid', 'refno', 'status'], separator: '&', pairs: 'as-sent' } },
    } as const;
    const signed = signCallback(fields, { sha1: { secretKey } }, { wire });
    expect(signed.digest).to.equal(opensslSha1('TxnID=T&refNo=R&status=S&secret key'));
    const settings = { verification: { sha1: { secretKeys: [secretKey] } }, wire };
    expect(await word(signed, settings)).to.equal('ok');
    const { TxnID: txnid, ...others } = signed as Record<string, string>;
    expect(await word({ txnid: txnid as string, ...others }, settings)).to.equal('proof-mismatch');
  });

  it('writes a key of text in the encoding of the text', () => {
    const fields = { txnid: 'T', refno: 'R', status: 'S' };
    const sha1 = { secretKey: 'clavé' };
    expect(signCallback(fields, { sha1 }).digest).to.equal(opensslSha1('T:R:S::clavé'));
    expect(signCallback(fields, { sha1 }, { encoding: 'ascii' }).digest).to.equal(opensslSha1('T:R:S::clav?'));
    const wire = { payment: { sha1: { encodings: [] } } };
    expect(signCallback(fields, { sha1 }, { wire }).digest, 'by default').to.equal(opensslSha1('T:R:S::clavé'));
  });

  it('signs by a KeyObject, with the hash and the padding of wire', () => {
    const privateKey = createPrivateKey(key.privateKeyPem);
    const signed = (parts: Partial<SignedText>) =>
      Buffer.from(
        signCallback(payment, { rsa: { privateKey } }, { wire: { payment: { rsa: parts } } }).signatures ?? '',
        'base64',
      );
    const holds = (hash: string, padding: number, signature: Buffer) =>
      verify(hash, Buffer.from(texts.rsa), { key: key.publicKeyPem, padding }, signature);
    const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants;
    expect(holds('sha256', RSA_PKCS1_PADDING, signed({}))).to.equal(true);
    expect(holds('sha512', RSA_PKCS1_PADDING, signed({ hash: 'sha512', padding: 'pkcs1' }))).to.equal(true);
    expect(holds('sha1', RSA_PKCS1_PSS_PADDING, signed({ hash: 'sha1', padding: 'pss' }))).to.equal(true);
  });

  it('tells what a proof covers, also without a merchant id', () => {
    const fields = { txnid: 'T', refno: 'R', status: 'S' };
    expect(signedTextOf(fields, 'rsa')).to.equal('T:R:S:::::');
    expect(signedTextOf(fields, 'rsa', 'ACME')).to.equal('T:R:S::ACME:::');
    expect(signedTextOf({ MerchantTxnId: 'O', refno: 'R', status: 'S' }, 'sha1')).to.equal('O:R:S:');
  });

  it('refuses fields that cannot be signed, and keys that cannot sign', () => {
    const sign = (fields: unknown, keys: unknown, options?: unknown) => () =>
      signCallback(fields as never, keys as never, options as never);
    for (const [run, message] of [
      [sign(null, {}), 'fields must be an object'],
      [sign(payment, []), 'keys must be an object'],
      [sign(payment, { rsa1: {} }), 'rsa1 is unknown; did you mean rsa?'],
      [sign(payment, {}, 'x'), 'options must be an object'],
      [sign(payment, {}, { merchantID: 'ACME' }), 'merchantID is unknown; did you mean merchantId?'],
      [sign(payment, { rsa: 'a key' }), 'keys.rsa must be an object'],
      [sign(payment, { rsa: { key: 'x' } }), 'key is unknown'],
      [sign(payment, { rsa: {} }), 'keys.rsa.privateKey must be a PEM or a KeyObject'],
      [sign(payment, { rsa: { privateKey: 'swordfish' } }), 'keys.rsa.privateKey must be a private key in PEM'],
      [sign(payment, { hmac: 'a key' }), 'keys.hmac must be an object'],
      [sign(payment, { hmac: { keys: 'x' } }), 'keys is unknown; did you mean key?'],
      [sign(payment, { hmac: {} }), 'keys.hmac.key must be a string'],
      [sign(payment, { hmac: { key: 7 } }), 'keys.hmac.key must be a string'],
      [sign(payment, { sha1: 'a key' }), 'keys.sha1 must be an object'],
      [sign(payment, { sha1: { secret: 'x' } }), 'secret is unknown'],
      [sign(payment, { sha1: {} }), 'keys.sha1.secretKey must be a string'],
      [sign(payment, { sha1: { secretKey: null } }), 'keys.sha1.secretKey must be a string'],
      [() => encodeCallback(7 as never), 'fields must be an object'],
    ] as const) {
      expect(run, message).to.throw(DragonpayError, message);
    }
    expect(sign(payment, { rsa: { privateKey: 'swordfish' } }))
      .to.throw()
      .with.property('cause')
      .that.is.instanceOf(Error);
  });

  it('takes an HMAC key as hex', () => {
    const { signature } = signCallback(payment, { hmac: { key: 'c0ffee', encoding: 'hex' } });
    expect(signature).to.equal(opensslHmac(Buffer.from('c0ffee', 'hex'), texts.hmac).toUpperCase());
  });

  for (const [sent, signed] of [
    ['100', '100.00'],
    ['100.5', '100.50'],
    ['100.', '100.00'],
    ['', ''],
    ['1,000.00', '1,000.00'],
    ['free', 'free'],
    ['PHP 5', 'PHP 5'],
    ['5 PHP', '5 PHP'],
  ] as const) {
    it(`signs an amount of ${JSON.stringify(sent)} as ${JSON.stringify(signed)}, and leaves the field alone`, () => {
      const fields = { txnid: 'T', refno: 'R', status: 'S', message: '', amount: sent };
      const { signature, amount } = signCallback(fields, { hmac: { key: hmacKey } });
      expect(signature).to.equal(opensslHmac(hmacKey, `T:R:S::${signed}`).toUpperCase());
      expect(amount).to.equal(sent);
    });
  }
});

describe('encodeCallback', () => {
  const lines: Array<[fields: Record<string, string>, form: string]> = [
    [{}, ''],
    [{ txnid: 'A-1_b.c', param1: '' }, 'txnid=A-1_b.c&param1='],
    // As in the recorded callbacks: lower-case hex, and a plus for a space.
    [{ message: '[000] BOG No: 1 {4/8/15}' }, 'message=%5b000%5d+BOG+No%3a+1+%7b4%2f8%2f15%7d'],
    [{ message: 'Niño 💸' }, 'message=Ni%c3%b1o+%f0%9f%92%b8'],
    [{ message: 'a+b%20&c=d\r\n\0' }, 'message=a%2bb%2520%26c%3dd%0d%0a%00'],
    [{ "it's": '~', 'a b': 'Ab/Cd+eF==' }, 'it%27s=%7e&a+b=Ab%2fCd%2beF%3d%3d'],
  ];
  for (const [fields, form] of lines) {
    it(`makes ${JSON.stringify(form)}`, () => {
      expect(encodeCallback(fields)).to.equal(form);
    });
  }
});
