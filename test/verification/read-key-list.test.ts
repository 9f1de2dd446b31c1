import { expect } from 'chai';
import { readKeyList } from '../../src/verification/read-key-list.js';
import { opensslRsaKey } from '../support/openssl.js';

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
