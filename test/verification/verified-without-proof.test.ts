import { expect } from 'chai';
import type { KeptEvent } from '../../src/model/rows.js';
import { dragonpayWire, withWireParts } from '../../src/protocol/signed-text.js';
import { verifiedByHand } from '../../src/verification/verified-by-hand.js';
import { unreadableEvent, verifiedByInbox } from '../../src/verification/verified-by-inbox.js';
import { verifiedByInquiry } from '../../src/verification/verified-by-inquiry.js';

const raw = 'txnid=T-1&refno=R1&status=S&message=Paid&amount=100.00&ccy=PHP&param1=p&digest=ab';
const ids = { txnid: 'T-1', refno: 'R1', status: 'S' };

function event(changes: Partial<KeptEvent> = {}): KeptEvent {
  return { kind: 'payment', proof: 'sha1', keyId: 'secretKeys[0]', method: 'POST', raw, fingerprint: 'f', ...changes };
}

describe('An event of the inbox', () => {
  it('has in its data only what its proof covered', () => {
    const byDigest = verifiedByInbox(event(), dragonpayWire, 'ACME');
    expect(byDigest).to.deep.include({
      kind: 'payment',
      id: 'T-1',
      data: { ...ids, message: 'Paid' },
      unsigned: { amount: '100.00', ccy: 'PHP', param1: 'p' },
      proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
      origin: 'replay',
      method: 'POST',
      fingerprint: 'f',
    });
    expect(byDigest.raw()).to.equal(raw);
    const byInquiry = verifiedByInbox(event({ proof: 'inquiry', method: null }), dragonpayWire, 'ACME');
    expect(byInquiry.data).to.deep.equal({
      ...ids,
      message: 'Paid',
      amount: '100.00',
      merchantid: 'ACME',
      param1: 'p',
    });
    expect(byInquiry.method).to.equal(undefined);
  });

  it('has in its data only what every reading covers, if its proof may have matched any', () => {
    const dataUnder = (first: object, other: object) => {
      const wire = withWireParts({ payment: { sha1: { ...first, also: [other] } } });
      return verifiedByInbox(event(), wire, 'ACME').data;
    };
    const fields = ['txnid', 'refno', 'status', 'message', 'amount'] as const;
    expect(dataUnder({}, { encodings: ['latin1'] })).to.deep.equal({ ...ids, message: 'Paid' });
    expect(dataUnder({}, { fields })).to.deep.equal({ ...ids, message: 'Paid' });
    expect(dataUnder({ fields }, { fields: ['txnid', 'refno', 'status'] })).to.deep.equal({ ...ids, message: '' });
    expect(dataUnder({ fields }, { hash: 'sha256' })).to.deep.equal({ ...ids, message: 'Paid', amount: '100.00' });
    for (const join of [{ separator: '|' }, { pairs: true }, { empty: 'left-out' }, { values: 'trimmed' }]) {
      expect(dataUnder({ fields }, join), JSON.stringify(join)).to.deep.equal({ ...ids, message: '' });
    }
  });

  it('is unreadable if its form is not a callback of its kind', () => {
    for (const [form, kind] of [
      ['txnid=T-1', 'payment'],
      [raw, 'payout'],
      ['', 'payment'],
    ] as const) {
      expect(() => verifiedByInbox(event({ raw: form, kind }), dragonpayWire, 'ACME'))
        .to.throw('the form of the event in the inbox is not a callback')
        .with.property('code', 'event-unreadable');
    }
  });

  it('that is unreadable keeps what the inbox says of it', () => {
    const kept = event({ raw: 'junk', kind: 'payout', method: null });
    const callback = unreadableEvent({ kind: 'payout', id: 'O-1', refno: 'R1', status: 'F' }, kept, 'ACME');
    expect(callback).to.deep.include({
      kind: 'payout',
      id: 'O-1',
      refno: 'R1',
      status: 'F',
      data: { merchantTxnId: 'O-1', refno: 'R1', status: 'F', message: '', merchantid: 'ACME' },
      proof: { algorithm: 'sha1', keyId: 'secretKeys[0]' },
      origin: 'replay',
      method: undefined,
      fingerprint: 'f',
    });
    expect(callback.raw()).to.equal('junk');
    const posted = unreadableEvent({ kind: 'payout', id: 'O-1', refno: 'R1', status: 'F' }, event(), 'ACME');
    expect(posted.method).to.equal('POST');
  });
});

describe('A correction', () => {
  it('is a callback with all values of the row, signed by a person', () => {
    const row = { id: 'T-1', refno: 'R1', status: 'S', amount: '100', currency: 'PHP' } as const;
    const by = { reason: 'paid by cheque', by: 'ana' };
    const callback = verifiedByHand({ ...row, kind: 'payment' }, by, 'ACME');
    expect(callback).to.deep.include({
      id: 'T-1',
      data: { ...ids, message: 'paid by cheque', amount: '100.00', merchantid: 'ACME' },
      amount: '100.00',
      currency: 'PHP',
      proof: { algorithm: 'manual', keyId: 'ana' },
      origin: 'correction',
      method: undefined,
    });
    expect(callback.raw()).to.equal('');
    const other = verifiedByHand({ ...row, kind: 'payout' }, by, 'ACME');
    expect(other.data).to.include({ merchantTxnId: 'T-1' });
    expect(other.occasion).to.be.a('string').that.does.not.equal(callback.occasion);
  });
});

describe('An answer to an inquiry', () => {
  it('vouches for every field', () => {
    const answer = { kind: 'payment', ...ids, message: 'Paid', amount: '100.00', ccy: 'php' } as const;
    const details = { fee: '10.00' } as never;
    const callback = verifiedByInquiry(answer, details, () => 'raw', 'ACME');
    expect(callback).to.deep.include({
      data: { ...ids, message: 'Paid', amount: '100.00', merchantid: 'ACME' },
      currency: 'PHP',
      proof: { algorithm: 'inquiry', keyId: 'apiKey' },
      origin: 'inquiry',
      method: undefined,
      inquiry: details,
    });
    expect(callback.raw()).to.equal('raw');
  });
});
