import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { packageFolder } from '../support/built-package.js';

interface Survivor {
  readonly file: string;
  readonly code: string;
  readonly replacement: string;
  readonly because: string;
}

const read = async (file: string) => readFile(join(packageFolder, file), 'utf8');

describe('Mutants that survive', () => {
  it('are explained in one sentence each, and are of code that is there', async () => {
    const survivors: Survivor[] = JSON.parse(await read('mutation/survivors.json'));
    for (const { file, code, replacement, because } of survivors) {
      const lines = (await read(file)).split('\n').map((line) => line.trim());
      expect(lines, file).to.include(code);
      expect(replacement, code).to.be.a('string');
      expect(because, code).to.match(/^[A-Z].{10,}\.$/);
    }
  });

  it('are searched for by tests that are there', async () => {
    const groups: Record<string, { mutate: string[]; tests: string[] }> = JSON.parse(
      await read('mutation/groups.json'),
    );
    for (const path of Object.values(groups).flatMap(({ mutate, tests }) => [...mutate, ...tests])) {
      if (!path.includes('*')) expect(await read(path.replace('!', '')), path).not.to.equal('');
    }
  });
});

describe('The lines to mutate after a change', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dragonpay-callback-changes-'));
    await mkdir(join(folder, 'src'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  function git(...args: string[]): void {
    const names = ['-c', 'user.name=a', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=false'];
    execFileSync('git', [...names, ...args], { cwd: folder, stdio: 'ignore' });
  }

  async function commit(lines: readonly string[]): Promise<void> {
    await writeFile(join(folder, 'src/a.ts'), lines.join('\n'));
    git('add', '-A');
    git('commit', '-m', 'a change');
  }

  function changed(): unknown {
    const file = pathToFileURL(join(packageFolder, 'mutation/changed-lines.mjs'));
    const program = `import { changedLines } from '${file}'; console.log(JSON.stringify([...changedLines('main')]));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: folder });
    return JSON.parse(output.toString().trim().split('\n').at(-1) ?? '');
  }

  it('are those of the branch, or of the last commit on main', async () => {
    git('init', '-b', 'main');
    await commit(['1', '2', '3', '4']);
    expect(changed(), 'no commit to compare with').to.deep.equal([]);
    await commit(['1', '2', '3', 'four', '5']);
    expect(changed()).to.deep.equal([['src/a.ts', ['src/a.ts:4-4', 'src/a.ts:5-5']]]);
    git('checkout', '-b', 'branch');
    await commit(['one', '2', '3', 'four', '5']);
    await commit(['one', 'two', '3', 'four', '5']);
    expect(changed()).to.deep.equal([['src/a.ts', ['src/a.ts:1-1', 'src/a.ts:2-2']]]);
  });

  it('are sixty at most, from all over a large change', async () => {
    await commit(Array.from({ length: 600 }, (_, index) => `line ${index}`));
    const [[, ranges]] = changed() as [[string, string[]]];
    expect(ranges).to.have.length(60);
    expect([ranges[0], ranges.at(-1)]).to.deep.equal(['src/a.ts:1-1', 'src/a.ts:591-591']);
  });
});
