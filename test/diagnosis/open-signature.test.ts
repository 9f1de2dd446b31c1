import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { expect } from 'chai';
import { openSignature } from '../../src/diagnosis/open-signature.js';
import { readPublicKey } from '../../src/verification/public-keys.js';

describe('An opened signature', () => {
  it('names SHA-256 first where a block of PSS fits another hash by chance', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = readPublicKey(publicKey.export({ type: 'spki', format: 'pem' }) as string);
    const openNew = () => {
      const signature = sign('sha256', Buffer.from('text'), {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
      });
      const opened = openSignature(signature.toString('base64'), [key]);
      return opened?.padding === 'pss' ? opened.hashes : [];
    };
    // The salt is random. About one signature in a hundred fits SHA-1.
    let hashes: readonly string[] = [];
    for (let tries = 0; tries < 3_000 && !hashes.includes('sha1'); tries++) {
      hashes = openNew();
      expect(hashes[0]).to.equal('sha256');
    }
    expect(hashes).to.include('sha1');
  });
});
