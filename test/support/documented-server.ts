import { expect } from 'chai';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { answers, type Program } from './program.js';

const fields = { txnid: 'BK-1', refno: 'REF1', status: 'S', message: 'Paid' };
const formOf = (secretKey: string) => encodeCallback(signCallback(fields, { sha1: { secretKey } }));

/**
 * Sends callbacks to a documented server: it must store a postback, show a return and refuse a forgery. Its receiver
 * has the secret key `a secret` and a row `BK-1`.
 */
export async function checkDocumentedServer(url: string, program: Program, shown = 'shown'): Promise<void> {
  await answers(url, program);
  const told = async (init: RequestInit, target = url) => {
    const answer = await fetch(target, init);
    return `${answer.status} ${await answer.text()}`;
  };
  const post = (body: string) => told({ method: 'POST', body: new URLSearchParams(body) });
  expect(await post(formOf('a guess')), program.output()).to.equal('400 error=proof-mismatch');
  expect(await post(formOf('a secret')), program.output()).to.equal('200 result=OK');
  expect(await post('x'.repeat(20_000)), program.output()).to.equal('413 error=body-too-large');
  expect(await told({}, `${url}?${formOf('a secret')}`), program.output()).to.equal(`200 ${shown}`);
  expect(await told({ method: 'HEAD' }), program.output()).to.equal('200 ');
  expect(await told({ method: 'PUT' }), program.output()).to.equal('405 error=method-not-allowed');
  await program.printed(/^ship(?: the order)? BK-1$/im);
}
