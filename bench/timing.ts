/**
 * Measures whether the time of a check tells how much of a proof was right:
 *
 *     npm run bench:timing -- --keys 200
 *
 * Two classes of wrong proofs are checked in random order: wrong in the first digit, and wrong only in the last. For each
 * of many keys, with new proofs, the difference of the two times is one value. Student's t-test says whether the values
 * differ from 0: a |t| above 4.5 shows a leak. The keys are the sample, not the calls: where the texts of a class happen
 * to be in memory makes a difference of a nanosecond that more calls would only make look certain.
 *
 * Two comparisons must come out as expected: proofs of another key, of which no digit is right but by chance, and a
 * comparison that stops at the first difference.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { dragonpayWire } from '../src/protocol/signed-text.js';
import { hmacSignature } from '../src/verification/hmac-signature.js';
import { sha1Digest } from '../src/verification/sha1-digest.js';
import { quantile, studentT } from './statistics.js';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '200' } } });
const keys = Number(values.keys);
if (!(keys >= 10)) throw new Error('--keys must be a number from 10');

const text = 'T-1:ABCD1234:S:[000] BPI Reference No: 20251210 #ABCD1234';
const samplesOfKey = 3_000;
const digestOf = (secret: string) => createHash('sha1').update(`${text}:${secret}`).digest('hex');

/** A check under a key, and the right proof, in hex. */
type Check = readonly [right: string, check: (proof: string) => unknown];

function sha1Check(secret: string): Check[1] {
  const verifier = sha1Digest([secret], { ...dragonpayWire.payment.sha1, encodings: ['utf8'] });
  return (proof) => verifier.verify(() => text, proof);
}

const subjects: Readonly<Record<string, (secret: string) => Check>> = {
  sha1Digest: (secret) => [digestOf(secret), sha1Check(secret)],
  'sha1Digest, proofs of another key': (secret) => [digestOf(`another ${secret}`), sha1Check(secret)],
  hmacSignature: (secret) => {
    const verifier = hmacSignature([secret], dragonpayWire.payment.hmac);
    const right = createHmac('sha256', secret).update(text).digest('hex');
    return [right, (proof) => verifier.verify(() => text, proof)];
  },
  'a comparison that stops early': (secret) => {
    const right = digestOf(secret);
    return [right, (proof) => stopsEarly(right, proof)];
  },
};

function stopsEarly(expected: string, given: string): boolean {
  for (let at = 0; at < expected.length; at++) {
    if (expected.charCodeAt(at) !== given.charCodeAt(at)) return false;
  }
  return true;
}

/** The right proof with one digit changed. */
function wrongAt(right: string, place: number, other: number): string {
  const digit = (Number.parseInt(right[place] ?? '0', 16) + other) % 16;
  return Buffer.from(right.slice(0, place) + digit.toString(16) + right.slice(place + 1)).toString('latin1');
}

/** The mean times of both classes under one key, in nanoseconds. */
function timesOf([right, check]: Check): [first: number, last: number] {
  const proofs = [0, right.length - 1].map((place) =>
    Array.from({ length: 15 }, (_, index) => wrongAt(right, place, index + 1)),
  ) as [string[], string[]];
  const times: [number[], number[]] = [[], []];
  for (let sample = 0; sample < samplesOfKey; sample++) {
    const side = Math.random() < 0.5 ? 0 : 1;
    const proof = proofs[side][Math.floor(Math.random() * 15)] as string;
    const start = process.hrtime.bigint();
    for (let repeat = 0; repeat < 8; repeat++) check(proof);
    times[side].push(Number(process.hrtime.bigint() - start) / 8);
  }
  // A garbage collection or another process makes a few samples long, in both classes.
  const limit = quantile([...times[0], ...times[1]], 0.9);
  return times.map((one) => mean(one.filter((time) => time <= limit))) as [number, number];
}

function mean(times: readonly number[]): number {
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}

console.log(`${keys} keys, ${samplesOfKey.toLocaleString('en')} samples each`);
console.log('| comparison | first digit, ns | last digit, ns | difference, ns | t |');
console.log('|---|--:|--:|--:|--:|');
for (const [name, make] of Object.entries(subjects)) {
  for (let warm = 0; warm < 10; warm++) timesOf(make(`warm ${warm}`));
  const times = Array.from({ length: keys }, () => timesOf(make(randomBytes(16).toString('hex'))));
  const differences = times.map(([first, last]) => last - first);
  const means = [mean(times.map(([first]) => first)), mean(times.map(([, last]) => last)), mean(differences)];
  console.log(`| ${name} | ${[...means, studentT(differences)].map((value) => value.toFixed(2)).join(' | ')} |`);
}
