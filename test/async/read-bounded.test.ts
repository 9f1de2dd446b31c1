import { Readable } from 'node:stream';
import { expect } from 'chai';
import { readBounded } from '../../src/async/read-bounded.js';

/** A body of chunks of four bytes, which counts how many were read. */
function body(chunks: number): { stream: Readable; read: () => number } {
  let read = 0;
  const stream = Readable.from(
    (function* () {
      for (; read < chunks; read++) yield Buffer.from('abcd');
    })(),
    { objectMode: true, highWaterMark: 1 },
  );
  return { stream, read: () => read };
}

describe('readBounded', () => {
  for (const [limit, text, isWhole] of [
    [7, 'abcdabc', false],
    [8, 'abcdabcd', true],
    [9, 'abcdabcd', true],
    [0, '', false],
  ] as const) {
    it(`reads ${text.length} of 8 bytes with the limit ${limit}`, async () => {
      const { bytes, isWhole: whole } = await readBounded(body(2).stream, limit);
      expect({ text: bytes.toString(), whole }).to.deep.equal({ text, whole: isWhole });
    });
  }

  it('stops reading after the limit', async () => {
    const { stream, read } = body(1000);
    await readBounded(stream, 6);
    expect(stream.destroyed).to.equal(true);
    expect(read()).to.be.below(10);
  });

  it('reads the rest and drops it with drain', async () => {
    const { stream, read } = body(1000);
    const { bytes, isWhole } = await readBounded(stream, 6, 'drain');
    expect({ text: bytes.toString(), isWhole, read: read() }).to.deep.equal({
      text: 'abcdab',
      isWhole: false,
      read: 1000,
    });
  });

  it('reads the body of a Response, also an empty one', async () => {
    expect((await readBounded(new Response('ñ').body, 10)).bytes.toString()).to.equal('ñ');
    expect(await readBounded(new Response(null).body, 10)).to.deep.equal({ bytes: Buffer.alloc(0), isWhole: true });
  });

  it('rejects if the body breaks off', async () => {
    const stream = new Readable({ read() {} });
    stream.push('ab');
    setImmediate(() => stream.destroy(new Error('broken off')));
    const error = await readBounded(stream, 10).catch((reason: Error) => reason);
    expect(error).to.be.an('error').with.property('message', 'broken off');
  });
});
