import { expect } from 'chai';
import { readManilaTime, writeManilaTime } from '../../src/protocol/manila-time.js';

describe('A date of the gateway', () => {
  it('is in Manila’s time, unless it says another zone', () => {
    for (const [text, expected] of [
      ['2026-03-01T09:30:00', '2026-03-01T01:30:00.000Z'],
      ['2026-03-01 09:30', '2026-03-01T01:30:00.000Z'],
      ['2026-03-01T07:59:59.123', '2026-02-28T23:59:59.123Z'],
      ['2026-03-01T07:59:59.1234567', '2026-02-28T23:59:59.123Z'],
      ['2026-03-01', '2026-02-28T16:00:00.000Z'],
      ['2024-02-29', '2024-02-28T16:00:00.000Z'],
      ['2026-03-01T09:30:00Z', '2026-03-01T09:30:00.000Z'],
      ['2026-03-01T09:30:00+08:00', '2026-03-01T01:30:00.000Z'],
      ['2026-03-01T09:30-01:30', '2026-03-01T11:00:00.000Z'],
    ] as const) {
      expect(readManilaTime(text)?.toISOString(), text).to.equal(expected);
    }
  });

  it('is read only if it is a day that exists, with nothing around it', () => {
    const days = ['0001-01-01T00:00:00', '2026-13-01', '2026-02-30', '2025-02-29T09:30:00Z', '03/01/2026', '26-03-01'];
    const times = ['2026-03-01T25:00:00', '2026-03-01T09:60', '2026-03-01T9:30', '2026-03-01T09:30:00+8'];
    const around = ['12026-03-01', ' 2026-03-01', '2026-03-01 ', '2026-03-01T', '2026-03-01Z', '2026-03-01T09:30Zx'];
    for (const text of [...days, ...times, ...around, '', undefined]) {
      expect(readManilaTime(text), text).to.equal(undefined);
    }
  });

  it('is written as it is read, to the second', () => {
    expect(writeManilaTime(new Date('2026-03-01T01:30:59.999Z'))).to.equal('2026-03-01T09:30:59');
    expect(writeManilaTime(new Date('2025-12-31T16:00:00Z'))).to.equal('2026-01-01T00:00:00');
  });
});
