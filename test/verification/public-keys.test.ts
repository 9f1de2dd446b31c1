import { createPrivateKey, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { givenKeys, readPublicKey } from '../../src/verification/public-keys.js';
import { opensslEcKey, opensslRsaKey } from '../support/openssl.js';
import { merchantKey } from '../support/proofs.js';

describe('readPublicKey', () => {
  it('reads PEM, base64 DER and a KeyObject alike', () => {
    const key = merchantKey();
    const derWithLineBreaks = key.publicKeyDer.replace(/(.{64})/g, '$1\n');
    const keyObject = createPublicKey(key.publicKeyPem);
    const forms = [
      key.publicKeyPem,
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

  it('counts the bytes of signatures of a key whose bits are no multiple of 8', () => {
    expect(readPublicKey(opensslRsaKey(2052).publicKeyPem).signatureBytes).to.equal(257);
  });

  /** An RSA key with another exponent or modulus, as no program makes one. */
  function altered(change: { readonly n?: (modulus: Buffer) => void; readonly e?: string }): string {
    const jwk = createPublicKey(merchantKey().publicKeyPem).export({ format: 'jwk' });
    const modulus = Buffer.from(jwk.n as string, 'base64url');
    change.n?.(modulus);
    const key = createPublicKey({
      key: {
        ...jwk,
        n: modulus.toString('base64url'),
        e: Buffer.from(change.e ?? '010001', 'hex').toString('base64url'),
      },
      format: 'jwk',
    });
    return key.export({ type: 'spki', format: 'pem' }) as string;
  }

  const refused: Array<[what: string, input: () => unknown, problem: RegExp]> = [
    ['a private key in PEM', () => merchantKey().privateKeyPem, /must be a public key/],
    ['a private KeyObject', () => createPrivateKey(merchantKey().privateKeyPem), /must be an RSA public key/],
    ['a key of an elliptic curve', () => opensslEcKey().publicKeyPem, /must be an RSA public key/],
    ['a key of 1024 bits', () => opensslRsaKey(1024).publicKeyDer, /2048 to 8192 bits, not of 1024/],
    ['an exponent of 1, under which every text is its own signature', () => altered({ e: '01' }), /odd exponent/],
    ['an even exponent', () => altered({ e: '010000' }), /odd exponent/],
    ['an even modulus', () => altered({ n: (modulus) => modulus.writeUInt8(2, 255) }), /odd modulus/],
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
      // The second line of PEM: the first one is no secret.
      const quoted = typeof given === 'string' ? given.split('\n').at(given.includes('\n') ? 1 : 0) : undefined;
      if (quoted) expect(shown).to.not.include(quoted);
    });
  }
});

describe('givenKeys', () => {
  it('checks with each key, and never fetches', async () => {
    const [first, second] = [merchantKey(), opensslRsaKey()];
    const keys = givenKeys([readPublicKey(first.publicKeyPem), readPublicKey(second.publicKeyPem)]);
    expect(keys.firstThatVerifies(({ keyId }) => keyId === second.keyId)).to.deep.equal({
      ok: true,
      keyId: second.keyId,
    });
    expect(keys.firstThatVerifies(() => true)).to.deep.equal({ ok: true, keyId: first.keyId });
    expect(keys.firstThatVerifies(() => false)).to.deep.equal({ ok: false, reason: 'mismatch' });
    expect(await keys.settled()).to.equal(undefined);
  });
});
