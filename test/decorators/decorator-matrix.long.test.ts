import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Options, transform } from '@swc/core';
import { expect } from 'chai';
import {
  type BuiltProject,
  buildIntoProject,
  compilers,
  packageFolder,
  runNode,
  succeed,
} from '../support/built-package.js';

const fixtures = join(packageFolder, 'test/fixtures/decorator-matrix');
const tsx = createRequire(import.meta.url).resolve('tsx/cli');

type Kind = 'legacy' | 'standard';

const decoratorOptions = {
  legacy: { experimentalDecorators: true, emitDecoratorMetadata: true },
  standard: {},
} as const satisfies Record<Kind, object>;

const swcTransforms = {
  legacy: { legacyDecorator: true, decoratorMetadata: true },
  standard: { decoratorVersion: '2022-03' },
} as const satisfies Record<Kind, NonNullable<Options['jsc']>['transform']>;

function tsconfig(kind: Kind, files: readonly string[]): string {
  return JSON.stringify({
    compilerOptions: {
      target: 'es2022',
      module: 'nodenext',
      lib: ['es2024', 'esnext.decorators'],
      types: ['node'],
      strict: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      ...decoratorOptions[kind],
    },
    files,
  });
}

async function compileWithSwc(kind: Kind, folder: string, file: string): Promise<void> {
  const { code } = await transform(await readFile(join(folder, file), 'utf8'), {
    filename: file,
    swcrc: false,
    configFile: false,
    module: { type: 'nodenext' },
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: swcTransforms[kind],
    },
  });
  await writeFile(join(folder, file.replace(/ts$/, 'js')), code);
}

/** The compilers. Each compiles the files of a folder, runs `main` and returns its output. */
const runners: Readonly<
  Record<string, (kind: Kind, folder: string, files: string[], main: string) => Promise<string>>
> = {
  ...Object.fromEntries(
    Object.entries(compilers).map(([name, tsc]) => [
      name,
      async (_kind: Kind, folder: string, _files: string[], main: string) => {
        await succeed(runNode([tsc, '-p', folder], folder));
        return succeed(runNode([main.replace(/ts$/, 'js')], folder));
      },
    ]),
  ),
  tsx: (_kind, folder, _files, main) =>
    succeed(runNode([tsx, '--tsconfig', join(folder, 'tsconfig.json'), main], folder)),
  swc: async (kind, folder, files, main) => {
    for (const file of files) await compileWithSwc(kind, folder, file);
    return succeed(runNode([main.replace(/ts$/, 'js')], folder));
  },
};

const paid = {
  closed: 'closed F to S',
  byGet: 'GET 200 shown by the base',
  refusedByKey: 'POST 400 settled by the base',
};

const ofBase = {
  replies: [
    paid.byGet,
    'POST 200 settled by the base',
    'POST 200 settled by the base',
    'POST 200 settled by the base',
    paid.refusedByKey,
  ],
  log: [
    'closed P to F',
    'show applied',
    paid.closed,
    'settle applied',
    'settle duplicate',
    'under way P-1',
    'settle applied',
    'settle proof-mismatch',
  ],
};

const expected = {
  runs: {
    BaseCallback: ofBase,
    Inherits: ofBase,
    Overrides: {
      replies: ['GET 200 shown by the subclass', ...ofBase.replies.slice(1)],
      log: ofBase.log.map((line) => (line === 'show applied' ? 'show of the subclass' : line)),
    },
    Decorates: {
      replies: [
        'GET 200 shown by the base',
        'POST 200 [settled by another]',
        'POST 200 [settled by another]',
        'POST 200 [settled by another]',
        'POST 400 error=proof-mismatch',
      ],
      log: ['show skipped', 'symbol S', 'other', 'other', 'under way P-1', 'other'],
    },
    OneForAll: {
      replies: ['GET 200 [GET] around', ...Array(3).fill('POST 200 [POST] around'), 'POST 400 [POST] around'],
      log: ['around GET', 'around POST', 'closed P to S', 'around POST', 'around POST', 'under way P-1', 'around POST'],
    },
  },
  refused: [
    'Undecorated is not decorated with @DragonpayCallback()',
    'Static decorates the static method settle; handlers must be instance methods',
    'Property decorates settle, which is not a method',
    'Getter decorates settle, which is not a method',
    'TwoForPost has two methods for @OnPost: first and second',
    'TwoForStatus has two methods for @OnStatus of payments in S: first and second',
    'NoStatus names no status in @OnStatus of reach',
    'WrongLetter names an unknown payment status in @OnStatus of reach',
  ],
};

describe('Handler classes by kind of decorators and compiler', function () {
  // Each test starts a compiler and a program.
  this.timeout(60_000);
  this.slow(10_000);

  let project: BuiltProject;

  before(async () => {
    project = await buildIntoProject(['reflect-metadata', '@types/node', 'undici-types']);
  });
  after(() => project?.remove());

  /** Copies fixtures into a folder of the project, with the tsconfig.json of one kind of decorators. */
  async function prepare(name: string, kind: Kind, files: string[]): Promise<string> {
    const folder = join(project.folder, name.replaceAll(/[^a-z0-9]/gi, '-'));
    await mkdir(folder);
    for (const file of files) await copyFile(join(fixtures, file), join(folder, file));
    await writeFile(join(folder, 'tsconfig.json'), tsconfig(kind, files));
    return folder;
  }

  for (const kind of ['legacy', 'standard'] as const) {
    for (const [compiler, runWith] of Object.entries(runners)) {
      it(`behave alike as ${kind} decorators compiled by ${compiler}`, async () => {
        const files = ['base-callback.ts', 'main.ts'];
        const folder = await prepare(`${kind}-${compiler}`, kind, files);
        expect(JSON.parse(await runWith(kind, folder, files, 'main.ts'))).to.deep.equal(expected);
      });
    }
  }

  for (const [compiler, runWith] of Object.entries(runners)) {
    it(`are refused for private methods and accessors, compiled by ${compiler}`, async () => {
      const folder = await prepare(`only-${compiler}`, 'standard', ['standard-only.ts']);
      const complaints = JSON.parse(await runWith('standard', folder, ['standard-only.ts'], 'standard-only.ts'));
      expect(complaints).to.deep.equal([
        'PrivateMethod decorates the private method #settle, which cannot be called',
        'StaticPrivateMethod decorates the static method #settle; handlers must be instance methods',
        'Accessor decorates settle, which is not a method',
      ]);
    });
  }

  for (const [baseKind, kind] of [
    ['legacy', 'standard'],
    ['standard', 'legacy'],
  ] as const) {
    it(`behave alike with a ${baseKind} base class and ${kind} subclasses`, async () => {
      const files = ['base-callback.ts', 'main.ts'];
      const folder = await prepare(`${kind}-on-${baseKind}`, kind, files);
      await compileWithSwc(baseKind, folder, 'base-callback.ts');
      await compileWithSwc(kind, folder, 'main.ts');
      expect(JSON.parse(await succeed(runNode(['main.js'], folder)))).to.deep.equal(expected);
    });
  }
});
