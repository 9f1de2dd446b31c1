import assert from 'node:assert/strict';
import type { CallbackFields } from '../../protocol/sign-callback.js';
import { amount, newId, type RepositoryCases } from './repository-harness.js';

/** The records of the inbox. */
export const inboxCases: RepositoryCases = {
  'records one event for an id, a refno and a status, and counts its deliveries': async (bench) => {
    const txnid = await bench.payment();
    for (const status of 'PPPSS') await bench.deliver({ txnid, status });
    await bench.deliver({ txnid, refno: 'ANOTHER1', status: 'S' });
    await bench.deliver({ txnid, status: 's' });
    const events = await bench.inbox('payment', txnid);
    const facts = events.map(({ kind, id, status, refno, deliveries, outcome }) => {
      assert.deepEqual({ kind, id }, { kind: 'payment', id: txnid });
      return `${status} ${refno} ${deliveries} ${outcome}`;
    });
    assert.deepEqual(facts.sort(), [
      'P CNFRM001 3 applied',
      'S ANOTHER1 1 mismatch',
      'S CNFRM001 2 applied',
      's CNFRM001 1 unrecognized',
    ]);
    for (const { firstSeen, lastSeen } of events) assert.ok(firstSeen <= lastSeen);
  },

  'keeps the outcome applied, and the proof and form that were applied': async (bench) => {
    const txnid = await bench.payment();
    await bench.deliver({ txnid, status: 'S', param1: 'The first' }, { proof: 'hmac' });
    await bench.deliver({ txnid, status: 'S', param1: 'A duplicate' }, { method: 'GET' });
    await bench.deliver({ txnid, status: 'S', param1: 'A mismatch', amount: '1.00' });
    await bench.deliver({ txnid, status: 'R' });
    await bench.deliver({ txnid, status: 'S', param1: 'Out of date' });
    const event = (await bench.inbox('payment', txnid)).find(({ status }) => status === 'S');
    const { outcome, deliveries, reasons, proof, method } = event ?? {};
    assert.deepEqual(
      { outcome, deliveries, reasons, proof, method },
      { outcome: 'applied', deliveries: 4, reasons: ['amount', 'stale'], proof: 'hmac', method: 'POST' },
    );
    assert.match(event?.raw ?? '', /param1=The\+first/);
  },

  'records two events if they differ in a value that the proof covers': async (bench) => {
    const txnid = await bench.payment();
    const paid = { txnid, status: 'S', message: 'Paid', amount };
    await bench.deliver(paid, { proof: 'rsa' });
    await bench.deliver({ ...paid, amount: '50.00' }, { proof: 'rsa' });
    await bench.deliver({ ...paid, param1: 'another' }, { proof: 'rsa' });
    await bench.deliver({ ...paid, message: 'Paid again' }, { proof: 'hmac' });
    await bench.deliver({ ...paid, amount: '50.00' }, { proof: 'rsa', method: 'GET' });
    const events = await bench.inbox('payment', txnid);
    const facts = events.map(({ outcome, reasons, deliveries, raw }) => {
      const form = new URLSearchParams(raw);
      return [
        form.get('amount'),
        form.get('param1') ?? '',
        form.get('message'),
        outcome,
        reasons.join(),
        deliveries,
      ].join(' ');
    });
    assert.deepEqual(facts.sort(), [
      '100.00  Paid again duplicate  1',
      '100.00  Paid applied  1',
      '100.00 another Paid duplicate  1',
      '50.00  Paid mismatch amount 2',
    ]);
    assert.equal(new Set(events.map(({ key }) => key)).size, 4);
    assert.equal(new Set(events.map(({ cursor }) => cursor)).size, 4);
  },

  'records one event if only the kind of proof, or values that no proof covers, differ': async (bench) => {
    const txnid = await bench.payment();
    const paid = { txnid, status: 'S', message: 'Paid', amount };
    await bench.deliver({ ...paid, procid: 'BOG' });
    await bench.deliver({ ...paid, amount: '50.00' });
    await bench.deliver(paid, { proof: 'hmac' });
    await bench.deliver({ ...paid, procid: 'GCSH' }, { proof: 'rsa' });
    await bench.deliver(paid);
    const [event, ...others] = await bench.inbox('payment', txnid);
    assert.equal(others.length, 0);
    assert.equal(event?.deliveries, 5);
    // The digest did not cover the amount. This proof fixed it: the event is about 100.00.
    await bench.deliver({ ...paid, amount: '50.00' }, { proof: 'hmac' });
    assert.equal((await bench.inbox('payment', txnid)).length, 2);
  },

  'keeps the reasons for a review when the event is applied later': async (bench) => {
    const txnid = newId();
    await bench.deliver({ txnid, status: 'S', amount });
    await bench.payment({ txnid });
    await bench.deliver({ txnid, status: 'S', amount: '1.00', ccy: 'USD' });
    await bench.deliver({ txnid, status: 'S', amount });
    const [event] = await bench.inbox('payment', txnid);
    assert.equal(event?.outcome, 'applied');
    assert.deepEqual(event?.reasons, ['not-found', 'amount', 'currency']);
    assert.equal(event?.deliveries, 3);
  },

  'keeps an event that came before its row unchanged if a later delivery does not fit': async (bench) => {
    const txnid = newId();
    await bench.deliver({ txnid, status: 'S', amount, ccy: 'PHP' });
    await bench.deliver({ txnid, status: 'S', amount, ccy: 'USD' });
    await bench.payment({ txnid });
    await bench.deliver({ txnid, status: 'S', amount: '1.00', ccy: 'PHP' });
    const [event, ...others] = await bench.inbox('payment', txnid);
    assert.equal(others.length, 0);
    assert.equal(event?.outcome, 'not-found');
    assert.deepEqual(event?.reasons, ['not-found', 'amount']);
    assert.equal(event?.deliveries, 3);
    const form = new URLSearchParams(event?.raw);
    assert.deepEqual([form.get('amount'), form.get('ccy')], [amount, 'PHP']);
  },

  'marks exactly late, stale, unrecognized and wrong-refno events for review': async (bench) => {
    const txnid = await bench.payment();
    for (const status of 'PPFSPD') await bench.deliver({ txnid, status });
    await bench.deliver({ txnid, refno: 'ANOTHER1', status: 'R' });
    const events = await bench.inbox('payment', txnid);
    assert.deepEqual(Object.fromEntries(events.map(({ status, reasons }) => [status, reasons])), {
      P: ['stale'],
      F: [],
      S: ['late'],
      D: ['unrecognized'],
      R: ['refno'],
    });
  },

  'accepts ids and reference numbers of every allowed character, many at once': async (bench) => {
    const odd = ['"', '\\', '\\"', '""', '{a,b}', 'NULL', 'null', ' ', "'", '%', '$1', ',', '}', '\\\\', '--', '(a)'];
    const ids = odd.map((text) => `${newId().slice(-20)}${text}`);
    for (const txnid of ids) await bench.payment({ txnid });
    const delivered = ids.map((txnid, index) => bench.deliver({ txnid, refno: odd[index] as string, status: 'S' }));
    for (const update of await Promise.all(delivered)) assert.equal(update.outcome, 'applied');
    for (const [index, txnid] of ids.entries()) {
      assert.equal((await bench.row('payment', txnid)).refno, odd[index]);
      const [event, ...others] = await bench.inbox('payment', txnid);
      const { id, refno, raw = '' } = event ?? {};
      assert.deepEqual([id, refno, new URLSearchParams(raw).get('refno')], [txnid, odd[index], odd[index]]);
      assert.equal(others.length, 0);
    }
  },

  'records the form as received and redacts its proofs': async (bench) => {
    for (const proof of ['sha1', 'hmac', 'rsa'] as const) {
      const txnid = await bench.payment();
      const message = 'Ni\u00f1o: 50% & "more" \u20b1';
      let sent: CallbackFields = {};
      const onTheWay = (signed: CallbackFields) => {
        sent = signed;
        return { ...signed, Extra: 'kept' };
      };
      await bench.deliver({ txnid, status: 'S', message }, { proof, onTheWay });
      const [event] = await bench.inbox('payment', txnid);
      assert.equal(event?.proof, proof);
      assert.ok(event.keyId.length > 0);
      const form = new URLSearchParams(event.raw);
      assert.equal(form.get('message'), message);
      assert.equal(form.get('Extra'), 'kept');
      for (const field of ['digest', 'signature', 'signatures']) {
        const value = sent[field];
        if (value === undefined) continue;
        assert.equal(form.get(field), 'redacted');
        assert.ok(!event.raw.includes(encodeURIComponent(value)) && !event.raw.includes(value));
      }
    }
  },

  'redacts proofs in any letter case of their names': async (bench) => {
    const txnid = await bench.payment();
    let value = '';
    const onTheWay = ({ digest, ...rest }: CallbackFields) => {
      value = digest as string;
      return { ...rest, DiGest: value };
    };
    await bench.deliver({ txnid, status: 'S' }, { onTheWay });
    const [event] = await bench.inbox('payment', txnid);
    assert.match(event?.raw ?? '', /DiGest=redacted/);
    assert.ok(!event?.raw.includes(value));
  },
};
