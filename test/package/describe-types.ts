import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { type BuiltProject, buildIntoProject, compilers, packageFolder, runNode } from '../support/built-package.js';

const kinds = {
  legacy: { experimentalDecorators: true, emitDecoratorMetadata: true },
  standard: {},
} as const;

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
        '@types',
        'undici-types',
      ]);
      await cp(join(packageFolder, 'test/types'), join(project.folder, 'types'), { recursive: true });
    });
    after(() => project?.remove());

    for (const [kind, decoratorOptions] of Object.entries(kinds)) {
      it(`accept right code and reject wrong code with ${kind} decorators`, async () => {
        const config = join(project.folder, 'tsconfig.json');
        const compilerOptions = {
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
          ...decoratorOptions,
        };
        await writeFile(config, JSON.stringify({ compilerOptions, include: ['types'] }));
        const { code, stdout } = await runNode([compilers[compiler], '-p', config], project.folder);
        expect(stdout).to.equal('');
        expect(code).to.equal(0);
      });
    }
  });
}
