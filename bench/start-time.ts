import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { pairedRatio, type Spread, spread } from './statistics.js';

/** The CPU time of one import in a new process, in milliseconds, and the ratios to the two SDKs. */
export interface StartTimes {
  readonly ours: Spread;
  readonly octokit: Spread;
  readonly stripe: Spread;
  readonly toOctokit: Spread;
  readonly toStripe: Spread;
}

const contenders = { ours: 'dragonpay-callback', octokit: '@octokit/webhooks', stripe: 'stripe' } as const;

const program = (name: string) => `
const before = process.cpuUsage();
await import('${name}');
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1000);`;

/** Imports each package in new processes, in turn. The package must be built: this reads `dist`. */
export function compareStartTimes(rounds: number): StartTimes {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  const figures = { ours: [] as number[], octokit: [] as number[], stripe: [] as number[] };
  for (let round = -1; round < rounds; round++) {
    for (const name of ['ours', 'octokit', 'stripe'] as const) {
      const args = ['--input-type=module', '--eval', program(contenders[name])];
      const milliseconds = Number(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' }));
      if (round >= 0) figures[name].push(milliseconds);
    }
  }
  return {
    ours: spread(figures.ours),
    octokit: spread(figures.octokit),
    stripe: spread(figures.stripe),
    toOctokit: pairedRatio(figures.ours, figures.octokit),
    toStripe: pairedRatio(figures.ours, figures.stripe),
  };
}
