import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { expect } from 'chai';
import { givenKeys, readPublicKey } from '../../src/verification/public-keys.js';
import { numberAsKey, opensslEcKey } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

/** A key whose exponent is too long for a number. */
function withExponent(exponent: bigint): KeyObject {
  const e = Buffer.from(exponent.toString(16).padStart(512, '0'), 'hex').toString('base64url');
  return createPublicKey({ key: { ...numberAsKey(2048).export({ format: 'jwk' }), e }, format: 'jwk' });
}

describe('readPublicKey', () => {
  it('reads PEM, base64 DER and a KeyObject alike', () => {
    const key = merchantKey();
    const derWithLineBreaks = key.publicKeyDer.replace(/(.{64})/g, '$1\n');
    const keyObject = createPublicKey(key.publicKeyPem);
    const forms = [
      key.publicKeyPem,
      `${key.publicKeyPem}# Dragonpay, 2026`,
      key.publicKeyPem.replaceAll('\n', '\\r\\n'),
      `\n  ${key.publicKeyPem}\n`,
      key.publicKeyDer,
      ` ${derWithLineBreaks}\n`,
      keyObject,
    ];
    for (const form of forms) {
      const { keyId, signatureBytes } = readPublicKey(form);
      expect({ keyId, signatureBytes }).to.deep.equal({ keyId: key.keyId, signatureBytes: 256 });
    }
  });

  it('takes keys of 2048 to 8192 bits, with an exponent of 3 or more', () => {
    for (const [bits, exponent] of [
      [2048, 3],
      [2049, 5],
      [8191, 65_537],
      [8192, 3],
    ] as const) {
      const given = numberAsKey(bits, { exponent });
      expect(readPublicKey(given)).to.include({ key: given, signatureBytes: Math.ceil(bits / 8) });
    }
  });

  const refused: Array<[what: string, input: () => unknown, problem: RegExp]> = [
    ['a private key in PEM', () => merchantKey().privateKeyPem, /must be a public key/],
    ['a private KeyObject', () => createPrivateKey(merchantKey().privateKeyPem), /must be an RSA public key/],
    ['a key of an elliptic curve', () => opensslEcKey().publicKeyPem, /must be an RSA public key/],
    ['a key of 1024 bits', () => numberAsKey(1024), /2048 to 8192 bits, not of 1024/],
    ['a key of 2047 bits', () => numberAsKey(2047), /2048 to 8192 bits, not of 2047/],
    ['a key of 8193 bits', () => numberAsKey(8193), /2048 to 8192 bits, not of 8193/],
    [
      'an exponent of 1, under which every text is its own signature',
      () => numberAsKey(2048, { exponent: 1 }),
      /odd exponent/,
    ],
    ['an even exponent', () => numberAsKey(2048, { exponent: 65_536 }), /odd exponent/],
    ['an exponent of 65 bits', () => withExponent(2n ** 64n + 1n), /at most 64 bits/],
    ['an exponent as long as the modulus', () => withExponent(2n ** 2047n + 1n), /at most 64 bits/],
    ['two keys in PEM', () => merchantKey().publicKeyPem.repeat(2), /must hold one public key/],
    ['two keys in base64', () => `${merchantKey().publicKeyDer}\n`.repeat(2), /must hold one public key/],
    ['an even modulus', () => numberAsKey(2048, { isOdd: false }), /odd modulus/],
    ['a secret KeyObject', () => createSecretKey(Buffer.from('swordfish')), /must be an RSA public key/],
    ['base64 with a character in front', () => `!${merchantKey().publicKeyDer}`, /must be a public key/],
    ['base64 with a character behind', () => `${merchantKey().publicKeyDer}!`, /must be a public key/],
    ['an empty string', () => '', /must be a public key/],
    ['undefined', () => undefined, /must be a public key/],
    ['other text', () => 'swordfish', /must be a public key/],
    ['base64 of something else', () => Buffer.from('swordfish').toString('base64'), /must be a public key/],
    ['PEM cut short', () => merchantKey().publicKeyPem.slice(0, 200), /must be a public key/],
    ['DER cut short', () => merchantKey().publicKeyDer.slice(0, 200), /must be a public key/],
  ];
  for (const [what, input, problem] of refused) {
    it(`refuses ${what} without quoting it`, () => {
      const given = input();
      let error: unknown;
      try {
        readPublicKey(given as string);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).to.be.instanceOf(Error).with.property('message').that.matches(problem);
      const shown = `${(error as Error).stack} ${JSON.stringify(error)} ${String((error as Error).cause)}`;
      // The second line of the PEM, because the first line is not secret.
      const quoted = typeof given === 'string' ? given.split('\n').at(given.includes('\n') ? 1 : 0) : undefined;
      if (quoted) expect(shown).to.not.include(quoted);
    });
  }
});

describe('givenKeys', () => {
  it('checks with each key, and never fetches', async () => {
    const [first, second] = [3, 5].map((exponent) => readPublicKey(numberAsKey(2048, { exponent })));
    if (first === undefined || second === undefined) throw new Error('no keys');
    const keys = givenKeys([first, second]);
    expect(keys.firstThatVerifies((key) => key === second)).to.deep.equal({ ok: true, keyId: second.keyId });
    expect(keys.firstThatVerifies(() => true)).to.deep.equal({ ok: true, keyId: first.keyId });
    expect(keys.firstThatVerifies(() => false)).to.deep.equal({ ok: false, reason: 'mismatch' });
    expect(keys.status()).to.deep.equal({ usable: true, fresh: true, problem: undefined });
    expect(await keys.settled()).to.equal(undefined);
  });
});
