import { expect } from 'chai';
import { settingProblems } from '../../src/settings/check-settings.js';
import type { DragonpaySettings, WireSettings } from '../../src/settings/settings.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { judgeForm, policyOf, wordFor } from '../support/judge.js';
import { secretKey } from '../support/proofs.js';

const settingsWith = (fields: readonly string[], more: object = {}): DragonpaySettings => ({
  merchantId: 'ACME',
  environment: 'test',
  verification: { sha1: { secretKeys: [secretKey] } },
  wire: { payment: { sha1: { fields, ...more } } } as WireSettings,
});
const callback = { txnid: 'T-1', refno: 'R1', status: 'S', message: 'Paid', amount: '1.00' };
const deciding = ['txnid', 'refno', 'status'];

describe('A field in a signed text that is not of the protocol', () => {
  const wordOf = async (form: string, fields: readonly string[], more: object = {}) =>
    wordFor(await judgeForm(form, policyOf(settingsWith(fields, more))));
  const signed = (values: Record<string, string>, fields: readonly string[], more: object = {}) =>
    encodeCallback(signCallback(values, { sha1: { secretKey } }, { wire: settingsWith(fields, more).wire }));

  it('is covered, in any letter case of its name', async () => {
    const fields = [...deciding, 'other:billerId'];
    const form = signed({ ...callback, billerId: 'B-1' }, fields);
    expect(await wordOf(form, fields)).to.equal('ok');
    expect(await wordOf(form.replace('billerId', 'BILLERID'), fields)).to.equal('ok');
    expect(await wordOf(form.replace('B-1', 'B-2'), fields)).to.equal('proof-mismatch');
    expect(await wordOf(form.replace('billerId=B-1&', ''), fields)).to.equal('proof-mismatch');
    expect(await wordOf(form, deciding)).to.equal('proof-mismatch');
  });

  it('is the empty string where it did not come', async () => {
    const fields = [...deciding, 'other:expiry'];
    expect(await wordOf(signed(callback, fields), fields)).to.equal('ok');
  });

  it('may come only once: a forger could choose which one counts', async () => {
    const fields = [...deciding, 'other:expiry'];
    const form = signed({ ...callback, expiry: 'soon' }, fields);
    for (const again of [`${form}&expiry=soon`, `Expiry=late&${form}`]) {
      expect(await wordOf(again, fields)).to.equal('proof-mismatch');
    }
  });

  it('may not hold the separator', async () => {
    const fields = [...deciding, 'other:expiry'];
    expect(await wordOf(signed({ ...callback, expiry: '10:00' }, fields), fields)).to.equal('proof-mismatch');
    const more = { separator: '|' };
    expect(await wordOf(signed({ ...callback, expiry: '10:00' }, fields, more), fields, more)).to.equal('ok');
  });

  it('has its name in pairs', async () => {
    const fields = [...deciding, 'other:billerId'];
    const more = { pairs: true, separator: '&', values: 'encoded' };
    expect(await wordOf(signed({ ...callback, billerId: 'B 1' }, fields, more), fields, more)).to.equal('ok');
  });

  for (const wrong of [
    'expiry',
    'mesage',
    'other:',
    'other:txnid',
    'other:Digest',
    'other:a:b',
    'other:a b',
    'merchantTxnId',
    5,
  ]) {
    it(`is not ${JSON.stringify(wrong)}`, () => {
      const [problem] = settingProblems(settingsWith([...deciding, wrong as string]));
      expect(problem?.subject).to.equal('wire.payment.sha1.fields');
      expect(problem?.problem).to.match(/^must hold only fields that can be signed/);
    });
  }

  it('is not the same field twice', () => {
    const [problem] = settingProblems(settingsWith([...deciding, 'other:expiry', 'other:Expiry']));
    expect(problem?.problem).to.equal('must not hold a field twice');
  });
});

describe('A signed text without free text', () => {
  it('may have the fields that decide in any place', () => {
    for (const fields of [['amount', ...deciding], [...deciding, 'amount'], deciding]) {
      expect(settingProblems(settingsWith(fields))).to.deep.equal([]);
    }
  });
});
