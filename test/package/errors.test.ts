import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DragonpayError, type FailureCode, failures, type ReplyCode } from '../../src/errors.js';
import { failureReply } from '../../src/response/default-replies.js';

const codes = Object.keys(failures) as FailureCode[];
const isReplyCode = (code: FailureCode): code is ReplyCode => 'status' in failures[code];

describe('The table of failures', () => {
  it('has a meaning for each code, and an error status for each reply', () => {
    expect(codes).to.have.length.greaterThan(20);
    for (const code of codes) {
      expect(code).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(failures[code].meaning, code).to.match(/^\S.*\.$/);
      if (isReplyCode(code)) expect(failures[code].status, code).to.be.within(400, 599);
    }
  });

  it('has a reply for each status: one line of text, with Allow or Retry-After', () => {
    for (const code of codes.filter(isReplyCode)) {
      const { status, headers, body } = failureReply(code);
      expect(status, code).to.equal(failures[code].status);
      expect(body).to.equal(`error=${code}`);
      expect(headers['Content-Type']).to.equal('text/plain; charset=utf-8');
      expect('Allow' in headers, code).to.equal(status === 405);
      expect('Retry-After' in headers, code).to.equal(status === 503);
    }
  });

  it('is the same in the documentation, in the same order', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    expect(rowsOf(page, '| code | status | meaning |')).to.deep.equal(
      codes.filter(isReplyCode).map((code) => [`\`${code}\``, String(failures[code].status), failures[code].meaning]),
    );
    expect(rowsOf(page, '| code | meaning |')).to.deep.equal(
      codes.filter((code) => !isReplyCode(code)).map((code) => [`\`${code}\``, failures[code].meaning]),
    );
  });
});

/** The cells of the table of a page with this head. */
function rowsOf(page: string, head: string): string[][] {
  const [table = ''] = page.slice(page.indexOf(`\n${head}\n`) + 1).split('\n\n');
  return table
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('DragonpayError', () => {
  it('an error carries its code, status, subject and cause', () => {
    const cause = new Error('why');
    const error = new DragonpayError('unstored', 'the row is locked', { subject: 'payment', cause });
    expect(error).to.be.instanceOf(Error);
    expect({ ...error, message: error.message, cause: error.cause, name: error.name }).to.include({
      name: 'DragonpayError',
      code: 'unstored',
      status: 503,
      subject: 'payment',
      message: 'the row is locked',
      cause,
    });
    expect(String(error)).to.equal('DragonpayError: the row is locked');
    expect(new DragonpayError('already-exists', 'no')).to.include({ status: undefined, subject: undefined });
  });

  it('is() accepts an error of another copy of the package', async () => {
    // With the query, Node loads the file again as another module.
    const copy: typeof import('../../src/errors.js') = await import(
      `${new URL('../../src/errors.js', import.meta.url)}?copy`
    );
    expect(copy.DragonpayError).to.not.equal(DragonpayError);
    const foreign = new copy.DragonpayError('unstored', 'elsewhere');
    expect(foreign).to.not.be.instanceOf(DragonpayError);
    expect(DragonpayError.is(foreign)).to.equal(true);
    expect(copy.DragonpayError.is(new DragonpayError('unstored', 'here'))).to.equal(true);
  });

  it('is() refuses other errors, lookalikes and primitives', () => {
    const lookalike = { name: 'DragonpayError', code: 'unstored', status: 503, message: 'no', stack: '' };
    for (const other of [new Error('no'), lookalike, {}, null, undefined, 'unstored', 503, () => {}]) {
      expect(DragonpayError.is(other)).to.equal(false);
    }
  });
});
