/**
 * Measures whether the time of a check tells how much of a proof was right:
 *
 *     npm run bench:timing -- --pairs 200
 *
 * Each pair of keys has two sets of proofs: each proof is right under one of the keys, except for its last digit. Both
 * keys check both sets, in random order. A set is near under its own key, and under the other key not even its first
 * digit is right, but by chance. So both classes consist of the same texts and the same keys: where a text is in memory,
 * and which digits it has, costs both classes the same. The difference of the two times is one value for each pair.
 * Student's t-test says whether the values differ from 0: a |t| above 4.5 shows a leak.
 *
 * Two comparisons must come out as expected: proofs of a third and a fourth key, which are near under no key, and a
 * comparison that stops at the first difference.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { dragonpayWire } from '../src/protocol/signed-text.js';
import { hmacSignature } from '../src/verification/hmac-signature.js';
import { sha1Digest } from '../src/verification/sha1-digest.js';
import { quantile, studentT } from './statistics.js';

const { values } = parseArgs({ options: { pairs: { type: 'string', default: '200' } } });
const pairs = Number(values.pairs);
if (!(pairs >= 10)) throw new Error('--pairs must be a number from 10');

const text = 'T-1:ABCD1234:S:[000] BPI Reference No: 20251210 #ABCD1234';
const samplesOfPair = 6_000;
const digestOf = (secret: string) => createHash('sha1').update(`${text}:${secret}`).digest('hex');

/** A check under a key, and the right proof, in hex. */
type Check = readonly [right: string, check: (proof: string) => unknown];

const hmacOf = (secret: string) => createHmac('sha256', secret).update(text).digest('hex');

function sha1Check(secret: string): Check[1] {
  const verifier = sha1Digest([secret], { ...dragonpayWire.payment.sha1, encodings: ['utf8'] });
  return (proof) => verifier.verify(() => text, proof);
}

function hmacCheck(secret: string): Check[1] {
  const verifier = hmacSignature([secret], dragonpayWire.payment.hmac);
  return (proof) => verifier.verify(() => text, proof);
}

const subjects: Readonly<Record<string, (secret: string) => Check>> = {
  sha1Digest: (secret) => [digestOf(secret), sha1Check(secret)],
  'sha1Digest, proofs of other keys': (secret) => [digestOf(`another ${secret}`), sha1Check(secret)],
  hmacSignature: (secret) => [hmacOf(secret), hmacCheck(secret)],
  'hmacSignature, proofs of other keys': (secret) => [hmacOf(`another ${secret}`), hmacCheck(secret)],
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

/** The 15 proofs that are right except for the last digit. */
function nearly(right: string): string[] {
  const last = Number.parseInt(right.slice(-1), 16);
  return Array.from({ length: 15 }, (_, index) =>
    Buffer.from(right.slice(0, -1) + ((last + index + 1) % 16).toString(16)).toString('latin1'),
  );
}

/** The mean times of both classes under a pair of keys, in nanoseconds. */
function timesOf(pair: readonly [Check, Check]): [near: number, far: number] {
  const proofs = pair.map(([right]) => nearly(right));
  // The times by set of proofs and by key. A class is the mean of two of these means, so that both keys count the same.
  const times: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let sample = 0; sample < samplesOfPair; sample++) {
    const cell = Math.floor(Math.random() * 4);
    const proof = proofs[cell >> 1]?.[Math.floor(Math.random() * 15)] as string;
    const [, check] = pair[cell & 1] as Check;
    const start = process.hrtime.bigint();
    for (let repeat = 0; repeat < 8; repeat++) check(proof);
    times[cell]?.push(Number(process.hrtime.bigint() - start) / 8);
  }
  // A garbage collection or another process makes a few samples long, in both classes.
  const limit = quantile(times.flat(), 0.9);
  const [own, other, another, same] = times.map((one) => mean(one.filter((time) => time <= limit))) as [
    ...[number, number, number, number],
  ];
  return [(own + same) / 2, (other + another) / 2];
}

function mean(times: readonly number[]): number {
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}

console.log(`${pairs} pairs of keys, ${samplesOfPair.toLocaleString('en')} samples each`);
console.log('| comparison | only the last digit wrong, ns | no digit right, ns | difference, ns | t |');
console.log('|---|--:|--:|--:|--:|');
for (const [name, make] of Object.entries(subjects)) {
  const secret = () => randomBytes(16).toString('hex');
  const measure = () => timesOf([make(secret()), make(secret())]);
  for (let warm = 0; warm < 10; warm++) measure();
  const times = Array.from({ length: pairs }, measure);
  const differences = times.map(([near, far]) => near - far);
  const means = [mean(times.map(([near]) => near)), mean(times.map(([, far]) => far)), mean(differences)];
  console.log(`| ${name} | ${[...means, studentT(differences)].map((value) => value.toFixed(2)).join(' | ')} |`);
}
