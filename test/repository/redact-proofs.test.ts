import { expect } from 'chai';
import fc from 'fast-check';
import { readFields } from '../../src/reading/read-fields.js';
import { redactProofs } from '../../src/repository/redact-proofs.js';
import { postForm } from '../support/callback-request.js';

describe('Redacting proofs', () => {
  const lines: Array<[form: string, redacted: string]> = [
    ['', ''],
    ['txnid=A&digest=abc&refno=R', 'txnid=A&digest=redacted&refno=R'],
    ['digest=a&signature=b&signatures=c', 'digest=redacted&signature=redacted&signatures=redacted'],
    ['signatures=ab==&x', 'signatures=redacted&x'],
    ['DIGEST=a&Signature=b', 'DIGEST=redacted&Signature=redacted'],
    ['%64igest=a&signature%73=b', '%64igest=redacted&signature%73=redacted'],
    ['digest=a&digest=b', 'digest=redacted&digest=redacted'],
    ['digest', 'digest=redacted'],
    ['digest=', 'digest=redacted'],
    ['&&digest=a&', '&&digest=redacted&'],
    ['message=digest=a', 'message=digest=a'],
    ['digests=a&+digest=b&digest+=c', 'digests=a&+digest=b&digest+=c'],
    ['%zz=1&%ff=2&digest%=3', '%zz=1&%ff=2&digest%=3'],
  ];
  for (const [form, redacted] of lines) {
    it(`redacts ${form}`, () => {
      expect(redactProofs(form)).to.equal(redacted);
      expect(redactProofs(redacted), 'which stays as it is').to.equal(redacted);
    });
  }

  it('leaves none that the reading would find, whatever the form', async () => {
    const limits = { bodyBytes: 1e6, queryBytes: 1e6, fields: 64 };
    const pieces = [
      'digest',
      'signature',
      's',
      'Digest',
      '%64',
      'igest',
      '=',
      '&',
      'abc',
      '%',
      '+',
      '\0',
      '\xff',
      '%3d',
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), async (form) => {
        const received = await readFields(postForm(form.join('')), limits);
        if (!received.ok) return;
        const again = await readFields(postForm(redactProofs(received.raw())), limits);
        expect(again.ok).to.equal(true);
        if (!again.ok) return;
        for (const proof of ['digest', 'signature', 'signatures'] as const) {
          expect(again.known[proof]).to.be.oneOf([undefined, 'redacted']);
        }
      }),
    );
  });
});
