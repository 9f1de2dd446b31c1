import type { BenchDatabase } from './database.js';
import type { ContenderProcess } from './processes.js';
import { type Pace, type Turn, type TurnSetup, turn } from './rounds.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** The result of all turns of one contender. CPU times are in microseconds per postback. */
export interface Standing {
  readonly name: string;
  readonly serverCpu: Spread;
  readonly databaseCpu: Spread;
  readonly generatorCpu: Spread;
  readonly perSecond: Spread;
  readonly p50: Spread;
  readonly p99: Spread;
  readonly generatorBusy: Spread;
  /** Ratios to the raw rival in the same round. */
  readonly toRaw: Ratios;
  /** For ours only: ratios to the handwritten rival on the same server. */
  readonly toSame?: Ratios;
}

/** Ratios to another contender's turns, round by round. */
export interface Ratios {
  readonly serverCpu: Spread;
  readonly databaseCpu: Spread;
  readonly perSecond: Spread;
  readonly p50: Spread;
}

export type Turns = ReadonlyMap<string, readonly Turn[]>;

/** Gives every contender one turn per round, in shuffled order. The first `warmUps` rounds do not count. */
export async function playRounds(
  turnSetup: TurnSetup,
  database: BenchDatabase,
  contenders: readonly ContenderProcess[],
  pace: Pace,
  { rounds, warmUps }: { readonly rounds: number; readonly warmUps: number },
): Promise<Turns> {
  const turns = new Map<string, Turn[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const contender of shuffled(contenders)) {
      // Warm-up turns are longer, so that the JIT has compiled the server before the measurement.
      const count = round < 0 ? Math.max(pace.count, 4000) : pace.count;
      const played = await turn(turnSetup, contender, database, { ...pace, count });
      if (round >= 0) turns.get(contender.name)?.push(played);
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return turns;
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0] as Item);
}

/** One figure of one contender, for each round. */
export function figures(turns: Turns, name: string, figure: keyof Turn): number[] {
  return (turns.get(name) ?? []).map((played) => played[figure]);
}

export function standings(turns: Turns): Standing[] {
  return [...turns.keys()].map((name) => {
    const of = (figure: keyof Turn) => spread(figures(turns, name, figure));
    const against = (other: string): Ratios => {
      const ratio = (figure: keyof Turn) => pairedRatio(figures(turns, name, figure), figures(turns, other, figure));
      return {
        serverCpu: ratio('serverCpu'),
        databaseCpu: ratio('databaseCpu'),
        perSecond: ratio('perSecond'),
        p50: ratio('p50'),
      };
    };
    return {
      name,
      serverCpu: of('serverCpu'),
      databaseCpu: of('databaseCpu'),
      generatorCpu: of('generatorCpu'),
      perSecond: of('perSecond'),
      p50: of('p50'),
      p99: of('p99'),
      generatorBusy: of('generatorBusy'),
      toRaw: against('rivals/node-http'),
      ...(name.startsWith('ours/') && { toSame: against(name.replace('ours/', 'rivals/')) }),
    };
  });
}
