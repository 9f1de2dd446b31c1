import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DragonpayError, type FailureCode, failures } from '../../src/errors.js';
import { failed } from '../../src/response/default-replies.js';

describe('Failures', () => {
  const codes = Object.keys(failures) as FailureCode[];

  it('each have an error status and a sentence', () => {
    expect(codes).to.have.length.greaterThan(20);
    for (const code of codes) {
      const { status, meaning } = failures[code];
      expect(code).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(status, code).to.be.within(400, 599);
      expect(meaning, code).to.match(/^\S.*\.$/);
    }
  });

  it('are answered with their status, one line of text, and what goes with it', () => {
    for (const code of codes) {
      const { status, headers, body } = failed(code);
      expect(status, code).to.equal(failures[code].status);
      expect(body).to.equal(`error=${code}`);
      expect(headers['Content-Type']).to.equal('text/plain; charset=utf-8');
      expect('Allow' in headers, code).to.equal(status === 405);
      expect('Retry-After' in headers, code).to.equal(status === 503);
    }
  });

  it('stand in the documentation as they stand in the code, in the same order', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const rows = page
      .slice(page.search(/^\| code \| status \| meaning \|$/m))
      .split('\n\n')[0]
      ?.split('\n')
      .slice(2)
      .map((row) => row.split('|').map((cell) => cell.trim()));
    const documented = rows?.map(([, code, status, meaning]) => ({ code, status, meaning }));
    expect(documented).to.deep.equal(
      codes.map((code) => ({
        code: `\`${code}\``,
        status: String(failures[code].status),
        meaning: failures[code].meaning,
      })),
    );
  });
});

describe('DragonpayError', () => {
  it('carries the code, its status, the subject and the cause', () => {
    const cause = new Error('why');
    const error = new DragonpayError('already-exists', 'a payment with this id exists already', {
      subject: 'payment',
      cause,
    });
    expect(error).to.be.instanceOf(Error);
    expect({ ...error, message: error.message, cause: error.cause, name: error.name }).to.include({
      name: 'DragonpayError',
      code: 'already-exists',
      status: 409,
      subject: 'payment',
      message: 'a payment with this id exists already',
      cause,
    });
    expect(String(error)).to.equal('DragonpayError: a payment with this id exists already');
    expect(new DragonpayError('unstored', 'no').subject).to.equal(undefined);
  });

  it('is known by is(), also when another copy of the package made it', async () => {
    // The query makes it another module, with a class of its own.
    const copy: typeof import('../../src/errors.js') = await import(
      `${new URL('../../src/errors.js', import.meta.url)}?copy`
    );
    expect(copy.DragonpayError).to.not.equal(DragonpayError);
    const foreign = new copy.DragonpayError('unstored', 'elsewhere');
    expect(foreign).to.not.be.instanceOf(DragonpayError);
    expect(DragonpayError.is(foreign)).to.equal(true);
    expect(copy.DragonpayError.is(new DragonpayError('unstored', 'here'))).to.equal(true);
  });

  it('is not taken for anything else', () => {
    const lookalike = { name: 'DragonpayError', code: 'unstored', status: 503, message: 'no', stack: '' };
    for (const other of [new Error('no'), lookalike, {}, null, undefined, 'unstored', 503, () => {}]) {
      expect(DragonpayError.is(other)).to.equal(false);
    }
  });
});
