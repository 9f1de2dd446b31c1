import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type BuiltProject, buildIntoProject, compilers, packageFolder, runNode } from '../support/built-package.js';

const kinds = {
  legacy: { experimentalDecorators: true, emitDecoratorMetadata: true },
  standard: {},
} as const;

const options = {
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2024', 'esnext.decorators'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: true,
  noEmit: true,
};

/**
 * Describes that the files of test/types compile against the built declarations. An `@ts-expect-error` without an error
 * is an error too.
 */
export function describeTypes(compiler: keyof typeof compilers): void {
  describe(`Types, checked by ${compiler}`, function () {
    this.timeout(60_000);
    this.slow(10_000);

    let project: BuiltProject;

    before(async () => {
      project = await buildIntoProject([
        'reflect-metadata',
        'kysely',
        'inversify',
        'express',
        'express4',
        'fastify',
        'koa',
        'koa2',
        '@nestjs',
        'rxjs',
        'hono',
        '@types',
        'undici-types',
      ]);
      await cp(join(packageFolder, 'test/types'), join(project.folder, 'types'), { recursive: true });
    });
    after(() => project?.remove());

    /** Mistakes of a user, and the text that the compiler must say about each, with both kinds of decorators. */
    const wrong: ReadonlyArray<[code: string, says: RegExp]> = [
      [
        `@OnStatus('X') ship() {}`,
        // TypeScript 5.9 shows other overloads.
        compiler === 'TypeScript 7'
          ? /Argument of type '"X"' is not assignable to parameter of type '"A" \| "E" \| "F" \| "K" \| "P" \| "R" \| "S" \| "U" \| "V"'/
          : /Argument of type '"X"' is not assignable/,
      ],
      [`@OnStatus('G') ship() {}`, /Type 'OptionIsMissing<"\{ kind: 'payout' \}">' has no call signatures/],
      [
        `@OnStatus('S') ship(callback: StoredCallback<'F'>) { callback; }`,
        /Type 'StatusArgument<"S", "payment">' is not assignable to type 'StoredCallback<"F", unknown, "payment">'/,
      ],
      [
        `@OnPost() settle(callback: StoredCallback<'S'>) { callback; }`,
        /Type 'Callback' is not assignable to type 'StoredCallback<"S", unknown, "payment">'/,
      ],
      [`@OnPost() settle() { return 5; }`, /Type 'number' is not assignable to type '.*HandlerResult/],
    ];
    for (const [kind, decoratorOptions] of Object.entries(kinds)) {
      it(`name the types that differ, with ${kind} decorators`, async () => {
        const imports = `import { DragonpayCallback, OnPost, OnStatus, type StoredCallback } from 'dragonpay-callback';`;
        const compilerOptions = { ...options, ...decoratorOptions, noUnusedLocals: false };
        await writeFile(join(project.folder, 'wrong.json'), JSON.stringify({ compilerOptions, include: ['wrong'] }));
        await mkdir(join(project.folder, 'wrong'), { recursive: true });
        for (const [index, [code]] of wrong.entries()) {
          const text = `${imports}\n@DragonpayCallback() export class C { ${code} }\nexport { OnPost, OnStatus };\n`;
          await writeFile(join(project.folder, 'wrong', `${index}.ts`), text);
        }
        const { stdout } = await runNode(
          [compilers[compiler], '-p', join(project.folder, 'wrong.json')],
          project.folder,
        );
        for (const [index, [code, says]] of wrong.entries()) {
          const [, own = ''] = stdout.split(`${index}.ts(`);
          expect(own.split(/\n\S/)[0], code).to.match(says);
        }
      });
    }

    for (const [kind, decoratorOptions] of Object.entries(kinds)) {
      it(`accept right code and reject wrong code with ${kind} decorators`, async () => {
        const config = join(project.folder, 'tsconfig.json');
        const compilerOptions = { ...options, ...decoratorOptions };
        await writeFile(config, JSON.stringify({ compilerOptions, include: ['types'] }));
        const { code, stdout } = await runNode([compilers[compiler], '-p', config], project.folder);
        expect(stdout).to.equal('');
        expect(code).to.equal(0);
      });
    }
  });
}
