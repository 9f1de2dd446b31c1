import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, posix, relative } from 'node:path';
import { expect } from 'chai';
import * as esbuild from 'esbuild';
import { compilers, packageFolder, packInto, run, runNode, succeed } from '../support/built-package.js';

const require = createRequire(import.meta.url);

/** The entry points of HTTP adapters. */
const httpAdapters = Object.entries<{ default?: string }>(require(join(packageFolder, 'package.json')).exports)
  .filter(([, target]) => target.default?.startsWith('./dist/adapters/http/'))
  .map(([name]) => name.replace('.', 'dragonpay-callback'));

/** Names that each entry point must export. It may export more. */
const entryPoints: Readonly<Record<string, readonly string[]>> = {
  'dragonpay-callback': [
    'createDragonpay',
    'settingsFromEnv',
    'generateTxnId',
    'CallbackDispatcher',
    'DragonpayCallback',
    'OnGet',
    'OnPost',
    'OnStatus',
    'OnDispatch',
    'reply',
    'MemoryRepository',
    'DragonpayError',
  ],
  'dragonpay-callback/kysely': ['KyselyRepository', 'createMigrations', 'withNamedStatements'],
  'dragonpay-callback/mysql': ['mysqlDialect'],
  'dragonpay-callback/sqlite': ['sqliteDialect', 'SqliteFileDialect'],
  'dragonpay-callback/inversify': ['dragonpayModule', 'DRAGONPAY'],
  'dragonpay-callback/nestjs': ['DragonpayModule', 'DRAGONPAY'],
  ...Object.fromEntries(httpAdapters.map((name) => [name, []])),
  'dragonpay-callback/pg-boss': ['pgBossQueue', 'workWithPgBoss'],
  'dragonpay-callback/graphile-worker': ['graphileQueue', 'graphileTasks'],
  'dragonpay-callback/opentelemetry': ['instrument'],
  'dragonpay-callback/sandbox': ['startSandbox'],
  'dragonpay-callback/testing': [
    'signCallback',
    'encodeCallback',
    'deliver',
    'assertExactlyOnce',
    'startSandbox',
    'repositoryConformance',
    'adapterConformance',
    'assertCallbackCorpus',
    'callbackCorpus',
  ],
};

/** The packages that an entry point may load, directly or through its files. */
const allowedPackages: Readonly<Record<string, readonly string[]>> = {
  'dragonpay-callback': ['reflect-metadata'],
  'dragonpay-callback/kysely': ['reflect-metadata', 'kysely'],
  'dragonpay-callback/mysql': ['reflect-metadata', 'kysely'],
  'dragonpay-callback/sqlite': ['reflect-metadata', 'kysely'],
  'dragonpay-callback/inversify': ['reflect-metadata', 'inversify'],
  'dragonpay-callback/nestjs': ['reflect-metadata', '@nestjs/common', '@nestjs/core'],
  // Adapters may import the main entry point for its error class. It is loaded already, because their endpoints come
  // from it.
  ...Object.fromEntries(httpAdapters.map((name) => [name, ['reflect-metadata']])),
  'dragonpay-callback/pg-boss': ['reflect-metadata', 'kysely'],
  'dragonpay-callback/graphile-worker': ['reflect-metadata', 'kysely'],
  'dragonpay-callback/opentelemetry': ['reflect-metadata', '@opentelemetry/api'],
  'dragonpay-callback/sandbox': ['reflect-metadata'],
  'dragonpay-callback/testing': ['reflect-metadata'],
};

/** The optional peers of the project `full`. */
const peers = ['kysely', 'pg', 'inversify', '@nestjs/common', '@nestjs/core', '@opentelemetry/api'];

/** The programs of test/fixtures/package and their output. */
const programs: Readonly<Record<string, readonly string[]>> = {
  'use-every-entry': ['200 true T-1', ...Array(9).fill('function'), 'invalid-setting'],
  'use-kysely': ['function', 'function'],
};

/** The name of a package with its version in this checkout, which npm has in its cache. */
function asInstalled(name: string): string {
  return `${name}@${require(join(packageFolder, 'node_modules', name, 'package.json')).version}`;
}

describe('Packed and installed package', function () {
  // These tests run npm and compilers.
  this.timeout(180_000);
  this.slow(20_000);

  let folder: string;
  let tarball: string;
  /** A project with this package and nothing else. */
  let bare: string;
  /** A project with the optional peers too. */
  let full: string;
  let newKysely: string | undefined;

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'dragonpay-callback-packed-')));
    tarball = await packInto(folder);
    [bare, full] = [join(folder, 'bare'), join(folder, 'full')];
    await install(bare, [tarball]);
    await install(full, [tarball, ...[...peers, '@types/node'].map(asInstalled)]);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function install(project: string, packages: readonly string[]): Promise<void> {
    await mkdir(project);
    await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
    await succeed(run('npm', ['install', ...quietly, ...packages], project));
  }

  const installed = (project: string) => join(project, 'node_modules', 'dragonpay-callback');

  async function packedFiles(): Promise<string[]> {
    const entries = await readdir(installed(bare), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(installed(bare), join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  }

  it('contains built files, documents, and nothing else', async () => {
    const belongs =
      /^(?:dist\/(?:src|adapters)\/.+\.(?:js|js\.map|d\.ts)|dist\/chunks\/(?:.+\.js(?:\.map)?|LICENSES\.txt)|dist\/sbom\.cdx\.json|docs\/.+\.(?:md|png|svg|json)|(?:README|CHANGELOG|SECURITY)\.md|LICENSE|package\.json)$/;
    expect((await packedFiles()).filter((file) => !belongs.test(file))).to.deep.equal([]);
  });

  it('lists what is in it and what it installs, as CycloneDX, without a path or an address', async () => {
    const text = await readFile(join(installed(bare), 'dist/sbom.cdx.json'), 'utf8');
    const { bomFormat, metadata, components } = JSON.parse(text);
    expect(bomFormat).to.equal('CycloneDX');
    expect(metadata.component.name).to.equal('dragonpay-callback');
    const found = components.map(({ name }: { readonly name: string }) => name).sort();
    const bundled = ['property-expr', 'tiny-case', 'toposort', 'yup'];
    expect(found).to.deep.equal(['commander', 'reflect-metadata', ...bundled].sort());
    const others = text.replaceAll(/"https?:\/\/(?:cyclonedx\.org|github\.com)[^"]*"/g, '');
    expect(others).not.to.match(/resolved|"url": "https?:\/\/(?!github)|\/home\/|\/root\/|\/tmp\//);
  });

  it('has so many files in each folder, and no others beside them', async () => {
    const count: Record<string, number> = {};
    for (const file of await packedFiles()) {
      const [top = '', second] = file.split('/');
      const folder = !file.includes('/')
        ? '.'
        : top === 'dist' && second !== 'sbom.cdx.json'
          ? `${top}/${second}`
          : top;
      count[folder] = (count[folder] ?? 0) + 1;
    }
    expect(Object.keys(count).sort()).to.deep.equal(['.', 'dist', 'dist/adapters', 'dist/chunks', 'dist/src', 'docs']);
    expect(count['.']).to.equal(5);
    expect(count.dist).to.equal(1);
    expect(count['dist/chunks']).to.be.within(10, 120);
    expect(count.docs).to.equal(
      (await readdir(join(packageFolder, 'docs'), { recursive: true, withFileTypes: true })).filter((one) =>
        one.isFile(),
      ).length,
    );
  });

  it('contains declarations for exactly the source files', async () => {
    const built = (await packedFiles()).filter((file) => file.endsWith('.d.ts'));
    const sources = [];
    for (const top of ['src', 'adapters']) {
      const files = await readdir(join(packageFolder, top), { recursive: true });
      sources.push(...files.filter((file) => file.endsWith('.ts')).map((file) => posix.join('dist', top, file)));
    }
    expect(built).to.have.members(sources.map((file) => file.replace(/ts$/, 'd.ts')));
  });

  it('contains JavaScript of the entry points, the command and shared chunks', async () => {
    const manifest = JSON.parse(await readFile(join(installed(bare), 'package.json'), 'utf8'));
    const targets = Object.values<string | { default: string }>(manifest.exports);
    const entries = targets.flatMap((target) => (typeof target === 'string' ? [] : [posix.normalize(target.default)]));
    const built = (await packedFiles()).filter((file) => file.endsWith('.js') && !file.startsWith('dist/chunks/'));
    expect(built).to.have.members([...entries, ...Object.values(manifest.bin)]);
  });

  it('contains the README, the changelog and the license', async () => {
    expect(await packedFiles()).to.include.members(['README.md', 'CHANGELOG.md', 'LICENSE']);
  });

  it('contains source maps with repository paths, and no path of the build machine', async () => {
    for (const file of await packedFiles()) {
      const text = await readFile(join(installed(bare), file), 'utf8');
      expect(text, file).not.to.include(packageFolder);
      if (!file.endsWith('.js.map')) continue;
      const { sources, sourcesContent } = JSON.parse(text);
      expect(sourcesContent, file).to.equal(undefined);
      for (const source of sources) {
        expect(posix.join(posix.dirname(file), source), file).to.match(
          /^(?:(?:src|adapters)\/.+\.(?:ts|json)|node_modules\/.+\.js)$/,
        );
      }
    }
  });

  it('has stack traces that name the files of the repository', async () => {
    const program = `import { createDragonpay } from 'dragonpay-callback';
try { createDragonpay(undefined); } catch (error) { console.log(error.stack); }`;
    const args = ['--enable-source-maps', '--input-type=module', '--eval', program];
    expect(await succeed(runNode(args, bare))).to.match(/src\/settings\/[a-z-]+\.ts:\d+/);
  });

  /** The packages that an entry point imports, and the source files or declarations that it reaches. */
  async function reach(entry: string, extension: '.js' | '.d.ts'): Promise<{ files: string[]; packages: string[] }> {
    const manifest = JSON.parse(await readFile(join(installed(bare), 'package.json'), 'utf8'));
    const target = manifest.exports[entry.replace('dragonpay-callback', '.')];
    const queue: string[] = [join(installed(bare), extension === '.js' ? target.default : target.types)];
    const files = new Set(queue);
    const packages = new Set<string>();
    for (const file of queue) {
      const text = await readFile(file, 'utf8');
      // Comments contain examples with imports.
      const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
      for (const [, , specifier = ''] of code.matchAll(/\b(?:from|import|require)\b\s*\(?\s*(['"])([\w@./:-]+)\1/g)) {
        if (specifier.startsWith('node:')) continue;
        if (!specifier.startsWith('.')) {
          packages.add(specifier);
          continue;
        }
        const next = join(dirname(file), specifier.replace(/\.js$/, extension));
        if (!files.has(next)) queue.push(next);
        files.add(next);
      }
    }
    const names = [];
    for (const file of files) names.push(...(extension === '.js' ? await sourcesOf(file) : [file]));
    return {
      files: names.map((file) => relative(join(installed(bare), 'dist'), file).replaceAll('\\', '/')),
      packages: [...packages],
    };
  }

  /** The source files of a bundle, as its source map names them. The paths are below `dist`. */
  async function sourcesOf(file: string): Promise<string[]> {
    const { sources } = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { sources: string[] };
    return sources.map((source) =>
      join(installed(bare), 'dist', relative(installed(bare), join(dirname(file), source))),
    );
  }

  describe('entry points', () => {
    it('are all tested here', async () => {
      const { exports } = JSON.parse(await readFile(join(installed(bare), 'package.json'), 'utf8'));
      const entries = Object.keys(exports).map((path) => posix.join('dragonpay-callback', path));
      const tested = [...Object.keys(entryPoints), 'dragonpay-callback/package.json'];
      expect(entries).to.have.members(tested);
      expect(Object.keys(allowedPackages)).to.have.members(Object.keys(entryPoints));
    });

    for (const [entry, packages] of Object.entries(allowedPackages)) {
      it(`${entry} loads only ${packages.join(', ')}`, async () => {
        expect((await reach(entry, '.js')).packages).to.have.members([...packages]);
      });

      it(`${entry} needs the types of no other package`, async () => {
        expect([...packages, 'reflect-metadata']).to.include.members((await reach(entry, '.d.ts')).packages);
      });
    }

    it('dragonpay-callback loads no sandbox, adapter, database or testing code', async () => {
      for (const extension of ['.js', '.d.ts'] as const) {
        const { files } = await reach('dragonpay-callback', extension);
        expect(files).to.include(extension === '.js' ? 'src/create-dragonpay.ts' : 'src/index.d.ts');
        expect(files.filter((file) => /testing|sandbox|kysely|inversify|adapters\/|cli\//.test(file))).to.deep.equal(
          [],
        );
      }
    });
  });

  for (const [entry, names] of Object.entries(entryPoints)) {
    const project = () => (allowedPackages[entry]?.some((name) => peers.includes(name)) ? full : bare);

    it(`exports the same names of ${entry} to import and require()`, async () => {
      const script = `
        import { createRequire } from 'node:module';
        const [imported, required] = [await import('${entry}'), createRequire(import.meta.url)('${entry}')];
        const same = Object.keys(imported).every((name) => imported[name] === required[name]);
        console.log(JSON.stringify({ imported: Object.keys(imported), required: Object.keys(required), same }));`;
      const args = ['--input-type=module', '--eval', script];
      const { imported, required, same } = JSON.parse(await succeed(runNode(args, project())));
      expect(imported).to.include.members([...names]);
      expect({ required, same }).to.deep.equal({ required: imported, same: true });
    });
  }

  for (const entry of ['dragonpay-callback/kysely', 'dragonpay-callback/inversify']) {
    it(`names the missing peer when ${entry} is imported without it`, async () => {
      const { code, stderr } = await runNode(['--input-type=module', '--eval', `import '${entry}'`], bare);
      expect(code).not.to.equal(0);
      expect(stderr).to.match(new RegExp(`Cannot find package '${posix.basename(entry)}'`));
    });
  }

  describe('command', () => {
    const npx = (project: string, ...args: string[]) =>
      run('npx', ['--no', '--', 'dragonpay-callback', ...args], project);

    it('runs by npx without the optional peers', async () => {
      const { version } = JSON.parse(await readFile(join(installed(bare), 'package.json'), 'utf8'));
      expect(await succeed(npx(bare, '--version'))).to.equal(`${version}\n`);
      const { code, stdout, stderr } = await npx(bare, 'migrate', 'up', '--print');
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.include('this command needs the package kysely: run npm install kysely in the project');
    });

    it('prints the SQL of the migrations when the peers are installed', async () => {
      const sql = await succeed(npx(full, 'migrate', 'up', '--print'));
      expect(sql).to.match(/^-- 0001_tables\ncreate table "dragonpay_transactions"/);
    });
  });

  const inputTypes = ['module', ...(Reflect.get(process.features, 'typescript') ? ['module-typescript'] : [])];
  for (const type of inputTypes) {
    it(`serves a class without decorator syntax as --input-type=${type}`, async () => {
      const program = `
        import { createDragonpay, decorateHandler, MemoryRepository, OnStatus } from 'dragonpay-callback';
        import { deliver, signCallback } from 'dragonpay-callback/testing';
        class CheckoutCallback {
          ship(callback${type === 'module' ? '' : ": import('dragonpay-callback').StoredCallback<'S'>"}) {
            console.log(callback.data.txnid);
          }
        }
        decorateHandler(CheckoutCallback, { ship: OnStatus('S') });
        const repository = new MemoryRepository();
        await repository.createPayment({ txnid: 'BK-1', amount: '250.00' });
        const sha1 = { secretKey: 'a secret' };
        const verification = { sha1: { secretKeys: [sha1.secretKey] } };
        const dragonpay = createDragonpay({ merchantId: 'ACME', environment: 'test', verification, repository });
        const callback = signCallback({ txnid: 'BK-1', refno: 'R1', status: 'S', message: '' }, { sha1 });
        console.log((await deliver(dragonpay.endpoint(CheckoutCallback), callback)).body);`;
      expect(await succeed(runNode([`--input-type=${type}`, '--eval', program], bare))).to.equal('BK-1\nresult=OK\n');
    });
  }

  it('refuses the import of a file that is no entry point', async () => {
    const deep = `import 'dragonpay-callback/dist/src/verification/verify-callback.js'`;
    const { stderr } = await runNode(['--input-type=module', '--eval', deep], full);
    expect(stderr).to.include('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  describe('in TypeScript', () => {
    const options = {
      target: 'es2022',
      lib: ['es2024', 'dom'],
      types: ['node'],
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    };
    const ways = [
      ['an ES module', 'mts', { module: 'nodenext' }],
      ['a CommonJS file', 'cts', { module: 'node20' }],
      ['a bundled project', 'ts', { module: 'esnext', moduleResolution: 'bundler' }],
    ] as const;

    /** Settings that cannot import ES modules: docs/tools.md names the errors. Only TypeScript 5.9 still has node10. */
    const refused = [
      ['an ES module', 'mts', { module: 'esnext', moduleResolution: 'node10' }, 'TS2307'],
      ['a CommonJS file', 'cts', { module: 'node16' }, 'TS1479'],
      ['a CommonJS file', 'cts', { module: 'node18' }, 'TS1479'],
    ] as const;
    for (const [what, extension, resolution, error] of refused) {
      it(`does not compile ${what} with ${JSON.stringify(resolution)}: ${error}`, async () => {
        const file = `refused.${extension}`;
        await writeFile(join(bare, file), "import { createDragonpay } from 'dragonpay-callback';\ncreateDragonpay;\n");
        const compilerOptions = {
          target: 'es2022',
          strict: true,
          skipLibCheck: true,
          noEmit: true,
          types: [],
          ...resolution,
        };
        await writeFile(join(bare, 'refused.json'), JSON.stringify({ compilerOptions, files: [file] }));
        const { stdout } = await runNode([compilers['TypeScript 5.9'], '-p', 'refused.json'], bare);
        expect(stdout).to.include(error);
      });
    }

    async function compileAndRun(project: string, program: string, tsc: string, way: (typeof ways)[number]) {
      const [, extension, resolution] = way;
      const [config, file] = [join(project, 'tsconfig.json'), `${program}.${extension}`];
      await copyFile(join(packageFolder, 'test/fixtures/package', `${program}.ts`), join(project, file));
      // TypeScript 7 checks the declarations too. TypeScript 5.9 would take too long.
      const compilerOptions = { ...options, ...resolution, skipLibCheck: tsc !== compilers['TypeScript 7'] };
      await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
      await succeed(runNode([tsc, '-p', config], project));
      const built = file.replace(/ts$/, 'js');
      expect(JSON.parse(await succeed(runNode([built], project)))).to.deep.equal(programs[program]);
      await rm(join(project, built));
    }

    for (const program of Object.keys(programs)) {
      for (const [compiler, tsc] of Object.entries(compilers)) {
        for (const way of ways) {
          it(`runs ${program} as ${way[0]}, compiled by ${compiler}`, () => compileAndRun(full, program, tsc, way));
        }
      }
    }

    for (const way of ways) {
      it(`runs use-kysely as ${way[0]}, with Kysely 0.29 and types of Node 26`, async () => {
        if (newKysely === undefined) {
          newKysely = join(folder, 'new-kysely');
          await install(newKysely, [tarball, 'kysely@0.29', '@types/node@26']);
        }
        await compileAndRun(newKysely, 'use-kysely', compilers['TypeScript 7'], way);
      });
    }

    it('runs after bundling and tree shaking into one file', async () => {
      const source = join(full, 'bundle.ts');
      await copyFile(join(packageFolder, 'test/fixtures/package/use-every-entry.ts'), source);
      const result = await esbuild.build({
        entryPoints: [source],
        outfile: join(full, 'bundle.mjs'),
        bundle: true,
        platform: 'node',
        format: 'esm',
        treeShaking: true,
        minify: true,
        logLevel: 'silent',
        tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
      });
      expect(result.warnings).to.deep.equal([]);
      const said = JSON.parse(await succeed(runNode(['bundle.mjs'], full)));
      expect(said).to.deep.equal(programs['use-every-entry']);
    });
  });
});
