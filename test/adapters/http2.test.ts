import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { expect } from 'chai';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { type Program, root, runProgram } from '../support/program.js';

const formOf = (txnid: string, secretKey: string) =>
  encodeCallback(signCallback({ txnid, refno: 'R1', status: 'S', message: 'Paid' }, { sha1: { secretKey } }));

/** The servers run in another process: if one hangs, only its test fails. */
describe('An HTTP/2 server', function () {
  this.timeout(20_000);
  let program: Program;
  let session: ClientHttp2Session;

  before(() => {
    program = runProgram(`${root}test/support/http2-servers.ts`, {});
  });
  after(() => program.stop('SIGKILL'));
  afterEach(() => session.destroy());

  /** Sends a request. Without `isWhole`, its body never ends. Resolves when the server has closed its stream. */
  async function send(method: string, body: string | undefined, isWhole = true): Promise<string> {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const path = '/dragonpay/callback';
    const request = session.request({ ':method': method, ':path': path, ...type }, { endStream: body === undefined });
    let status = 0;
    let text = '';
    request.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    if (isWhole && body !== undefined) request.end(body);
    else if (body !== undefined) request.write(body);
    await once(request, 'close');
    return `${status} ${text}`.trimEnd();
  }

  for (const name of ['node', 'koa', 'fastify']) {
    it(`stores a callback, and refuses others as HTTP/1.1 does: ${name}`, async () => {
      const [, url = ''] = await program.printed(new RegExp(`^${name} (.*)$`, 'm'));
      session = connect(url);
      expect(await send('POST', formOf(name, 'a guess'))).to.equal('400 error=proof-mismatch');
      expect(await send('POST', formOf(name, 'a secret'))).to.equal('200 result=OK');
      expect(await send('HEAD', undefined)).to.equal('200');
      expect(await send('OPTIONS', undefined)).to.equal('204');
      expect(await send('PUT', 'x')).to.equal('405 error=method-not-allowed');
    });

    it(`refuses a long body, and serves the next request: ${name}`, async () => {
      const [, url = ''] = await program.printed(new RegExp(`^${name} (.*)$`, 'm'));
      session = connect(url);
      // HTTP/2 lets a sender have up to 65,535 bytes under way. Near that limit, Node 20 and 22 can loop for ever.
      for (const length of [20_000, 66_000, 100_000]) {
        expect(await send('POST', 'x'.repeat(length)), `${length}`).to.equal('413 error=body-too-large');
      }
      expect(await send('POST', 'x'.repeat(66_000), false)).to.equal('413 error=body-too-large');
      // The sender of this body is held up, and sends nothing more.
      expect(await send('POST', 'x'.repeat(4_000_000), false)).to.equal('413 error=body-too-large');
      expect(await send('POST', 'x')).to.equal('400 error=missing-field');
    });
  }
});
