import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { packageFolder, packInto, run, runNode, succeed } from '../support/built-package.js';

/** The tools of docs/tools.md that other tests do not use, in a project of their own. */
describe('Packed package', function () {
  this.timeout(180_000);
  this.slow(20_000);

  let project: string;

  before(async () => {
    project = await realpath(await mkdtemp(join(tmpdir(), 'dragonpay-callback-tools-')));
    await cp(join(packageFolder, 'test/fixtures/tools'), project, { recursive: true });
    await useDecorators('standard');
    const tarball = await packInto(project);
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
    await succeed(run('npm', ['install', ...quietly, tarball], project));
  });
  after(() => rm(project, { recursive: true, force: true }));

  async function useDecorators(kind: 'standard' | 'legacy'): Promise<void> {
    const legacy = kind === 'legacy' && { experimentalDecorators: true, emitDecoratorMetadata: true };
    const compilerOptions = { target: 'es2022', module: 'nodenext', strict: true, types: ['node'], ...legacy };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  }

  for (const kind of ['standard', 'legacy'] as const) {
    it(`runs in ts-node with ${kind} decorators`, async () => {
      await useDecorators(kind);
      const printed = await succeed(runNode(['--no-warnings', '--loader', 'ts-node/esm', 'main.ts'], project));
      expect(printed).to.equal("result=OK [ 'BK-1' ]\n");
    });
  }

  it('runs in vitest with legacy decorators', async () => {
    await useDecorators('legacy');
    const { code, stdout, stderr } = await run('npx', ['--no', 'vitest', 'run', '--globals'], project);
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.match(/1 passed/);
  });

  it('runs in jest with swc and standard decorators', async () => {
    const jest = join(project, 'node_modules/jest/bin/jest.js');
    const { code, stdout, stderr } = await runNode(['--experimental-vm-modules', jest], project);
    expect(code, stdout + stderr).to.equal(0);
    expect(stderr).to.match(/1 passed/);
  });
});
