import { expect } from 'chai';
import { stepClock } from './stepped-clock.js';

describe('stepClock', () => {
  const day = 86_400_000;

  it('sets the date of the process, and leaves the real Date behind when it is set back', () => {
    const RealDate = Date;
    const before = RealDate.now();
    stepClock(day);
    try {
      expect(Date.now()).to.be.within(before + day, before + day + 10_000);
      expect(new Date().toISOString().slice(0, 10)).to.equal(new RealDate(before + day).toISOString().slice(0, 10));
      expect(new Date(0).getTime()).to.equal(0);
      expect(new Date()).to.be.instanceOf(RealDate);
      expect(Date()).to.equal(new RealDate(Date.now()).toString());
    } finally {
      stepClock(-day);
    }
    expect(Date).to.equal(RealDate);
  });
});
