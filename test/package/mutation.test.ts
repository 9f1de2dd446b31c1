import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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
      if (!path.includes('*')) expect(await read(path), path).not.to.equal('');
    }
  });
});
