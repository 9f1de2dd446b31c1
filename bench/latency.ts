import type { BenchDatabase } from './database.js';
import type { ContenderProcess } from './processes.js';
import { type TurnSetup, turn } from './rounds.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** p50 and p99 in milliseconds under the same steady load, and the ratio of our p99 to that of the raw server. */
export interface LatencyComparison {
  readonly rate: number;
  readonly figures: ReadonlyArray<{ readonly name: string; readonly p50: Spread; readonly p99: Spread }>;
  readonly p99Ratio: Spread;
}

/** Sends at a fixed rate, however slow the replies are, and measures from the time at which a postback was due. */
export async function compareLatency(
  turnSetup: TurnSetup,
  database: BenchDatabase,
  [ours, raw]: readonly [ContenderProcess, ContenderProcess],
  { rate, seconds, rounds }: { readonly rate: number; readonly seconds: number; readonly rounds: number },
): Promise<LatencyComparison> {
  const pace = { connections: 64, count: Math.round(rate * seconds), rate };
  const turns = { ours: [] as Array<{ p50: number; p99: number }>, raw: [] as Array<{ p50: number; p99: number }> };
  for (let round = 0; round < rounds; round++) {
    turns.ours.push(await turn(turnSetup, ours, database, pace));
    turns.raw.push(await turn(turnSetup, raw, database, pace));
  }
  const figure = (name: string, played: ReadonlyArray<{ p50: number; p99: number }>) => ({
    name,
    p50: spread(played.map(({ p50 }) => p50)),
    p99: spread(played.map(({ p99 }) => p99)),
  });
  return {
    rate,
    figures: [figure(ours.name, turns.ours), figure(raw.name, turns.raw)],
    p99Ratio: pairedRatio(
      turns.ours.map(({ p99 }) => p99),
      turns.raw.map(({ p99 }) => p99),
    ),
  };
}
