import { cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as esbuild from 'esbuild';
import { packageFolder, packInto, run, runNode, succeed } from '../support/built-package.js';
import { codeUnder } from '../support/documented-code.js';
import { checkDocumentedServer } from '../support/documented-server.js';
import { freePort } from '../support/free-port.js';
import { answers, type Program, runCommand } from '../support/program.js';

/** The packed package, installed beside the hosts of the Fetch adapter. They come from the npm registry. */
describe('The Fetch adapter on other hosts', function () {
  // The installation takes 700 MB, and apps are built.
  this.timeout(600_000);
  this.slow(60_000);

  let folder: string;
  let program: Program | undefined;
  const bin = (name: string) => join(folder, 'node_modules/.bin', name);
  const deno = () => [bin('deno'), 'run', '-A', '--node-modules-dir=manual'];

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'dragonpay-callback-hosts-')));
    await cp(join(packageFolder, 'test/fixtures/fetch-hosts'), folder, { recursive: true });
    const tarball = await packInto(folder);
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
    await succeed(run('npm', ['install', ...quietly, tarball], folder));
  });
  afterEach(() => program?.stop());
  after(() => rm(folder, { recursive: true, force: true }));

  const documented = async (heading: string, language: string) => {
    const [code = ''] = await codeUnder('docs/fetch.md', heading, language);
    return code;
  };

  /** Writes the documented server of a host, and its receiver. */
  async function writeServer(heading: string): Promise<{ file: string; url: string }> {
    const port = String(await freePort());
    const file = `${heading.toLowerCase().replaceAll(' ', '-')}.ts`;
    const code = `import './globals.ts';\n${(await documented(heading, 'js')).replaceAll('3000', port)}`;
    await writeFile(join(folder, file), code);
    return { file, url: `http://127.0.0.1:${port}/dragonpay/callback` };
  }

  async function conforms([command = '', ...args]: readonly string[], cwd = folder): Promise<void> {
    expectBoth(await succeed(run(command, args, cwd)));
  }

  function expectBoth(said: string): void {
    expect(said, said).to.match(/^ran 30 cases$/m);
    expect(said, said).not.to.include('FAILED');
    expect(said, said).to.match(/^the corpus says the same$/m);
  }

  it('conforms on Bun', () => conforms([bin('bun'), 'conformance.mjs']));

  it('is served by Bun as docs/fetch.md says', async () => {
    const { file, url } = await writeServer('Bun');
    program = runCommand([bin('bun'), file], folder);
    await checkDocumentedServer(url, program);
  });

  it('conforms on Deno', () => conforms([...deno(), 'conformance.mjs']));

  it('is served by Deno as docs/fetch.md says', async () => {
    const { file, url } = await writeServer('Deno');
    program = runCommand([...deno(), file], folder);
    await checkDocumentedServer(url, program);
  });

  /** Bundles a worker and serves it with workerd. */
  async function startWorker(file: string): Promise<{ url: string; program: Program }> {
    await esbuild.build({
      absWorkingDir: folder,
      entryPoints: [file],
      outfile: 'worker.mjs',
      bundle: true,
      format: 'esm',
      target: 'es2022',
      external: ['node:*'],
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
      allowOverwrite: true,
    });
    const port = await freePort();
    program = runCommand([bin('workerd'), 'serve', 'worker.capnp', `-shttp=127.0.0.1:${port}`], folder);
    const url = `http://127.0.0.1:${port}`;
    await answers(`${url}/`, program);
    return { url, program };
  }

  it('conforms in workerd', async () => {
    const { url } = await startWorker('worker-conformance.mjs');
    expectBoth(await (await fetch(`${url}/run`)).text());
  });

  it('is served by workerd as docs/fetch.md says', async () => {
    const { file } = await writeServer('Cloudflare Workers');
    const worker = await startWorker(file);
    expect(await readFile(join(folder, 'worker.mjs'), 'utf8'), 'allowFrom is not set').not.to.include(
      'from "node:net"',
    );
    await checkDocumentedServer(`${worker.url}/dragonpay/callback`, worker.program);
  });

  describe('in a built app of Next.js', () => {
    const next = () => join(folder, 'next');
    const build = () => runNode([join(folder, 'node_modules/next/dist/bin/next'), 'build'], next());

    before(async () => {
      await esbuild.build({
        absWorkingDir: folder,
        entryPoints: ['globals.ts'],
        outfile: 'globals.js',
        tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
      });
      await mkdir(join(next(), 'app/shop/callback'), { recursive: true });
      const route = await documented('Next.js', 'ts');
      await writeFile(join(next(), 'app/shop/callback/route.ts'), `declare const repository: never;\n${route}`);
      await succeed(build());
    });

    it('conforms', () => conforms([process.execPath, 'conformance.mjs'], next()));

    it('is served as docs/fetch.md says', async () => {
      const port = await freePort();
      program = runCommand([process.execPath, 'conformance.mjs', String(port)], next(), {
        DRAGONPAY_MERCHANT_ID: 'ACME',
        DRAGONPAY_ENVIRONMENT: 'test',
        DRAGONPAY_SECRET_KEYS: 'a secret',
      });
      await checkDocumentedServer(`http://127.0.0.1:${port}/shop/callback`, program, 'result=OK');
    });

    it('says what to set where decorators are not legacy ones', async () => {
      const file = join(next(), 'tsconfig.json');
      const settings = await readFile(file, 'utf8');
      await writeFile(file, settings.replace('"experimentalDecorators": true', '"experimentalDecorators": false'));
      try {
        const { code, stdout, stderr } = await build();
        expect(code).not.to.equal(0);
        expect(stdout + stderr).to.include('set experimentalDecorators to true in tsconfig.json');
      } finally {
        await writeFile(file, settings);
      }
    });
  });
});
