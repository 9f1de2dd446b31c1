import { expect } from 'chai';
import { readPublicKey } from '../../src/verification/public-keys.js';
import { readKeyList } from '../../src/verification/read-key-list.js';
import { numberAsKey, opensslRsaKey } from '../support/openssl.js';

const { publicKeyPem: pem, keyId } = opensslRsaKey();
const base64 = pem.replace(/-----.*-----|\s/g, '');
const usual = { value: base64, status: 'Active' };

/** The ids of the keys that a list makes active. */
const activeIn = (...entries: object[]) => readKeyList(JSON.stringify(entries)).active.map((key) => key.keyId);

describe('The list of the keys endpoint', () => {
  const alike: Readonly<Record<string, object>> = {
    'as documented': usual,
    'with names and a status in other letter cases': { Value: base64, STATUS: 'ACTIVE' },
    'with white space around the status': { ...usual, status: ' Active\r\n' },
    'in lines': { ...usual, value: base64.replace(/.{64}/g, '$&\r\n') },
    'in base64url without padding': {
      ...usual,
      value: base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
    },
    'in PEM': { ...usual, value: pem },
    'in PEM with escaped line breaks': { ...usual, value: pem.replaceAll('\n', '\\n') },
    'in PEM with spaces in place of line breaks': { ...usual, value: pem.replaceAll('\n', ' ') },
  };
  for (const [what, entry] of Object.entries(alike)) {
    it(`gives the same key: ${what}`, () => expect(activeIn(entry)).to.deep.equal([keyId]));
  }

  it('tells active keys from those with another status, and leaves out what is no key', () => {
    const other = numberAsKey(2048).export({ type: 'spki', format: 'pem' });
    const { active, revoked } = readKeyList(
      JSON.stringify([usual, null, 7, 'x', [], {}, { status: 'Active' }, { value: other, status: 'Revoked' }]),
    );
    const [otherId] = [other as string].map((pem) => readPublicKey(pem).keyId);
    expect([active, revoked].map((keys) => keys.map((key) => key.keyId))).to.deep.equal([[keyId], [otherId]]);
    const both = readKeyList(
      JSON.stringify([usual, { value: other, status: 'Active' }, { ...usual, status: 'Revoked' }]),
    );
    expect(
      both.active.map((key) => key.keyId),
      'a key that is listed twice',
    ).to.deep.equal([otherId]);
    expect(both.revoked.map((key) => key.keyId)).to.deep.equal([keyId]);
  });

  it('is not quoted where it is not understood', () => {
    const notUnderstood = 'the answer of the keys endpoint was not understood: it is not';
    for (const [answer, problem] of [
      ['swordfish', 'JSON'],
      ['', 'JSON'],
      ['null', 'a list'],
      ['7', 'a list'],
      ['{"0":"swordfish"}', 'a list'],
    ] as const) {
      expect(() => readKeyList(answer), answer)
        .to.throw(`${notUnderstood} ${problem}`)
        .and.not.have.property('cause');
    }
  });

  it('may be the only list of an object', () => {
    const other = { ...usual, status: 'Revoked' };
    expect(readKeyList(JSON.stringify({ Total: 1, Keys: [usual] })).active).to.have.length(1);
    expect(() => readKeyList(JSON.stringify({ keys: [usual], old: [other] }))).to.throw('it is not a list');
    expect(() => readKeyList(JSON.stringify({ keys: usual }))).to.throw('it is not a list');
  });

  const unusable: Readonly<Record<string, object>> = {
    'with two statuses': { ...usual, Status: 'Revoked' },
    'with two values': { ...usual, VALUE: base64 },
    'with another status': { ...usual, status: 'Activ' },
    'with a key that was cut off': { ...usual, value: base64.slice(0, -8) },
  };
  for (const [what, entry] of Object.entries(unusable)) {
    it(`gives no active key: ${what}`, () => expect(activeIn(entry)).to.deep.equal([]));
  }
});
