import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { transform } from '@swc/core';
import { expect } from 'chai';
import { packageFolder } from '../support/built-package.js';

describe('Coverage settings', () => {
  /** Whether a file contains only types, so that the process never loads it. */
  async function isTypesOnly(file: string): Promise<boolean> {
    const { code } = await transform(await readFile(join(packageFolder, file), 'utf8'), {
      swcrc: false,
      configFile: false,
      minify: true,
      jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true }, minify: {} },
    });
    return code.replace(/;$/, '') === 'export{}';
  }

  async function sourceFiles(): Promise<string[]> {
    const files = [];
    for (const folder of ['src', 'adapters']) {
      const names = await readdir(join(packageFolder, folder), { recursive: true });
      files.push(...names.filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`));
    }
    return files;
  }

  it('exclude exactly the files that contain only types', async () => {
    const typesOnly = [];
    for (const file of await sourceFiles()) if (await isTypesOnly(file)) typesOnly.push(file);
    const { exclude } = JSON.parse(await readFile(join(packageFolder, '.c8rc.json'), 'utf8'));
    expect(exclude).to.deep.equal(typesOnly.sort());
  });

  it('measure ES modules: CommonJS would add helper code to the count', () => {
    const { cache } = createRequire(import.meta.url);
    expect(Object.keys(cache).filter((file) => file.endsWith('.ts'))).to.deep.equal([]);
  });
});
