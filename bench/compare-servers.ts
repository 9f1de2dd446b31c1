import type { BenchDatabase } from './database.js';
import type { ContenderProcess } from './processes.js';
import { type Arena, type Pace, type Turn, turn } from './rounds.js';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** What the turns of one contender came to. CPU in microseconds for each postback. */
export interface Standing {
  readonly name: string;
  readonly serverCpu: Spread;
  readonly databaseCpu: Spread;
  readonly generatorCpu: Spread;
  readonly perSecond: Spread;
  readonly p99: Spread;
  readonly generatorBusy: Spread;
  /** Each against the raw rival's in the same round. */
  readonly toRaw: Ratios;
  /** Ours only: against the rival by hand on the same server. */
  readonly toSame?: Ratios;
}

/** Each turn against another contender's turn of the same round. */
export interface Ratios {
  readonly serverCpu: Spread;
  readonly databaseCpu: Spread;
  readonly perSecond: Spread;
}

export type Turns = ReadonlyMap<string, readonly Turn[]>;

/** Every contender once a round, in turns whose order is shuffled; the rounds after the first `warmUps` count. */
export async function playRounds(
  arena: Arena,
  database: BenchDatabase,
  contenders: readonly ContenderProcess[],
  pace: Pace,
  { rounds, warmUps }: { readonly rounds: number; readonly warmUps: number },
): Promise<Turns> {
  const turns = new Map<string, Turn[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const contender of shuffled(contenders)) {
      const played = await turn(arena, contender, database, pace);
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

/** The figure of one contender in each round. */
export function figures(turns: Turns, name: string, figure: keyof Turn): number[] {
  return (turns.get(name) ?? []).map((played) => played[figure]);
}

export function standings(turns: Turns): Standing[] {
  return [...turns.keys()].map((name) => {
    const of = (figure: keyof Turn) => spread(figures(turns, name, figure));
    const against = (other: string): Ratios => {
      const ratio = (figure: keyof Turn) => pairedRatio(figures(turns, name, figure), figures(turns, other, figure));
      return { serverCpu: ratio('serverCpu'), databaseCpu: ratio('databaseCpu'), perSecond: ratio('perSecond') };
    };
    return {
      name,
      serverCpu: of('serverCpu'),
      databaseCpu: of('databaseCpu'),
      generatorCpu: of('generatorCpu'),
      perSecond: of('perSecond'),
      p99: of('p99'),
      generatorBusy: of('generatorBusy'),
      toRaw: against('rivals/node-http'),
      ...(name.startsWith('ours/') && { toSame: against(name.replace('ours/', 'rivals/')) }),
    };
  });
}
