import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Random } from '../faults/random.js';
import { BlockCoverage } from './block-coverage.js';
import { mutate } from './mutate.js';
import type { FuzzTarget, Timed } from './target.js';

/** An input for which the code did something forbidden. */
export interface FuzzFinding {
  readonly target: string;
  readonly problem: string;
  /** One character per byte. */
  readonly input: string;
}

/** The results of a run. */
export interface FuzzReport {
  readonly seed: number;
  readonly inputs: Readonly<Record<string, number>>;
  /** Inputs that are kept because they reached new code. */
  readonly kept: Readonly<Record<string, number>>;
  /** How much code has run, in characters: after the seeds, and at the end. */
  readonly covered: { readonly bySeeds: number; readonly atEnd: number };
  /** The longest time of one input, in milliseconds. The best of four tries, if the first was too long. */
  readonly slowest: Readonly<Record<string, number>>;
  /** The heap after a collection, in MiB: after a quarter of the time, and at the end. */
  readonly heap: readonly [number, number];
  readonly findings: readonly FuzzFinding[];
}

interface Options {
  readonly targets: readonly FuzzTarget[];
  readonly seconds: number;
  readonly seed: number;
  readonly onFinding?: (finding: FuzzFinding) => void;
}

/** Inputs between two looks at the coverage. */
const batch = 50;

const usualMilliseconds = 50;

/** How much the heap may grow, in MiB. This includes the inputs that are kept. */
const heapGrowth = 24;

/** Feeds targets with mutated inputs in turn, and keeps the inputs that reach new code. */
export async function runFuzz({ targets, seconds, seed, onFinding = () => {} }: Options): Promise<FuzzReport> {
  const random = new Random(seed);
  const coverage = new BlockCoverage();
  const count = (value: number) => Object.fromEntries(targets.map(({ name }) => [name, value]));
  const [inputs, kept, slowest] = [count(0), count(0), count(0)];
  const findings = new Map<string, FuzzFinding>();
  const queues = new Map<FuzzTarget, string[]>();
  const found = (target: FuzzTarget, input: string, problem: string) => {
    const finding = { target: target.name, problem, input };
    const key = `${target.name} ${problem.replace(/\d+/g, '0').slice(0, 120)}`;
    if (findings.has(key)) return;
    findings.set(key, finding);
    onFinding(finding);
  };

  async function feed(target: FuzzTarget, input: string): Promise<void> {
    const limit = target.milliseconds ?? usualMilliseconds;
    let least = Number.POSITIVE_INFINITY;
    // A garbage collection or another process may slow down one try, but not all of them.
    for (let tries = 0; tries < 4 && least > limit; tries++) {
      const watch = new Stopwatch();
      try {
        await target.run(input, watch.timed);
      } catch (error) {
        found(target, input, error instanceof Error ? error.message : String(error));
        return;
      }
      least = Math.min(least, watch.milliseconds);
    }
    slowest[target.name] = Math.max(slowest[target.name] ?? 0, Math.round(10 * least) / 10);
    if (least > limit) found(target, input, `took ${Math.round(least)} ms, more than ${limit}`);
  }

  for (const target of targets) {
    const seeds = target.seeds();
    queues.set(target, [...seeds]);
    for (const input of seeds) await feed(target, input);
  }
  coverage.hasNew();
  coverage.learn();
  const bySeeds = coverage.characters;

  const start = performance.now();
  const isOver = (share: number) => performance.now() - start > 1000 * seconds * share;
  let early: number | undefined;
  while (!isOver(1)) {
    if (early === undefined && isOver(0.25)) early = heapAfterCollection();
    // Every second turn goes to one of the first two targets, which have the most code.
    const target = random.pick(random.chance(0.5) ? targets.slice(0, 2) : targets);
    const queue = queues.get(target) as string[];
    // The newest inputs have had the fewest tries.
    const parent = () =>
      queue[
        random.chance(0.3) ? queue.length - 1 - random.below(Math.min(queue.length, 20)) : random.below(queue.length)
      ] as string;
    const tried: string[] = [];
    const until = performance.now() + 200;
    while (tried.length < batch && performance.now() < until) {
      const input = mutate(
        parent(),
        random,
        queue,
        queue.slice(-5).flatMap((one) => one.split(/[&=\n,]/)),
      );
      tried.push(input);
      await feed(target, input);
    }
    inputs[target.name] = (inputs[target.name] ?? 0) + tried.length;
    if (!coverage.hasNew()) continue;
    // Each input is tried again alone, to find those that reached new code.
    const seen = coverage.last;
    for (const input of tried) {
      await feed(target, input);
      if (!coverage.hasNew()) continue;
      coverage.learn();
      queue.push(input);
      kept[target.name] = (kept[target.name] ?? 0) + 1;
    }
    coverage.learn(seen);
  }
  const atEnd = coverage.characters;
  coverage.stop();
  const heap = [early ?? heapAfterCollection(), heapAfterCollection()] as const;
  if (heap[1] - heap[0] > heapGrowth) {
    findings.set('heap', { target: 'all', problem: `the heap grew from ${heap[0]} to ${heap[1]} MiB`, input: '' });
  }
  const covered = { bySeeds, atEnd };
  return { seed, inputs, kept, covered, slowest, heap, findings: [...findings.values()] };
}

/** Adds up the time of work. */
export class Stopwatch {
  milliseconds = 0;

  readonly timed: Timed = (work) => {
    const start = performance.now();
    const stop = () => {
      this.milliseconds += performance.now() - start;
    };
    const result = work();
    if (result instanceof Promise) result.then(stop, () => {});
    else stop();
    return result;
  };
}

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20);
}

/** The name of the file of a finding. */
export function fileOf({ target, problem, input }: FuzzFinding): string {
  const hash = createHash('sha256').update(`${problem}${input}`).digest('hex').slice(0, 12);
  return `${target}-${hash}.json`;
}
