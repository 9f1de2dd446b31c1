import { spawnSync } from 'node:child_process';

/** If many lines have changed, only some of them are tried, so that the check of a push stays short. */
const most = 60;

/**
 * The lines that have changed since the branch left `base`. On `base` itself: since the commit before the last. They
 * are ranges such as `src/a.ts:3-5`, by file.
 */
export function changedLines(base) {
  const head = git('rev-parse', 'HEAD');
  const start = git('merge-base', base, 'HEAD') ?? head;
  const from = start === head ? git('rev-parse', '--verify', '--quiet', 'HEAD~1') : start;
  if (from === undefined) {
    console.log('git knows no earlier commit to compare with');
    return new Map();
  }
  const diff = git('diff', '--unified=0', '--diff-filter=d', '--no-color', '--no-ext-diff', from, '--', 'src') ?? '';
  const lines = [];
  let file;
  for (const line of diff.split('\n')) {
    if (line.startsWith('+++ b/')) file = line.slice(6);
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    for (let next = 0; first !== undefined && next < Number(count); next++) lines.push([file, Number(first) + next]);
  }
  const step = Math.max(1, lines.length / most);
  const ranges = new Map();
  for (let index = 0; index < lines.length; index += step) {
    const [path, line] = lines[Math.floor(index)];
    ranges.set(path, [...(ranges.get(path) ?? []), `${path}:${line}-${line}`]);
  }
  return ranges;
}

function git(...args) {
  const { stdout, status } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
