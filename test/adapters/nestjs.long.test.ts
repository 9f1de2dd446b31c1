import { mkdtemp, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type BuiltProject,
  buildIntoProject,
  compilers,
  packageFolder,
  runNode,
  succeed,
} from '../support/built-package.js';

/** The tsconfig.json of `nest new`, as far as it matters. Nest then finds dependencies by the types of parameters. */
const compilerOptions = {
  module: 'nodenext',
  target: 'es2023',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
};

const program = `
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DragonpayCallback, MemoryRepository, OnStatus, type StoredCallback } from 'dragonpay-callback';
import { DragonpayModule } from 'dragonpay-callback/nestjs';
import { encodeCallback, signCallback } from 'dragonpay-callback/testing';

@Injectable()
class Warehouse {
  reserve(txnid: string) {
    console.log('reserved', txnid);
  }
}

@Injectable()
@DragonpayCallback()
class CheckoutCallback {
  constructor(private readonly warehouse: Warehouse) {}
  @OnStatus('S')
  ship({ data }: StoredCallback<'S'>) {
    this.warehouse.reserve(data.txnid);
  }
}

const repository = new MemoryRepository();
const sha1 = { secretKeys: ['a secret'] };
const settings = { merchantId: 'ACME', environment: 'test', verification: { sha1 }, repository } as const;

@Module({
  imports: [DragonpayModule.forRoot({ path: '/dragonpay/callback', handler: CheckoutCallback, settings })],
  providers: [Warehouse, CheckoutCallback],
})
class AppModule {}

async function main() {
  await repository.createPayment({ txnid: 'BK-1', amount: '100.00' });
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const fields = { txnid: 'BK-1', refno: 'REF1', status: 'S', message: 'Paid' };
  const body = new URLSearchParams(encodeCallback(signCallback(fields, { sha1: { secretKey: 'a secret' } })));
  const answer = await fetch(\`\${await app.getUrl()}/dragonpay/callback\`, { method: 'POST', body });
  console.log(answer.status, await answer.text());
  await app.close();
}
void main();
`;

describe('An app of NestJS, compiled as nest new sets it up', function () {
  this.timeout(120_000);
  let project: BuiltProject;

  before(async () => {
    project = await buildIntoProject(['reflect-metadata', 'yup', 'rxjs', '@types', 'undici-types']);
  });
  after(() => project?.remove());

  const folders = { 'NestJS 12': 'node_modules', 'NestJS 11': 'test/fixtures/nest11/node_modules' };
  for (const [version, modules] of Object.entries(folders)) {
    describe(version, () => {
      const link = () => join(project.folder, 'node_modules/@nestjs');
      before(() => symlink(join(packageFolder, modules, '@nestjs'), link(), 'junction'));
      after(() => unlink(link()));

      for (const [compiler, tsc] of Object.entries(compilers)) {
        for (const type of ['commonjs', 'module']) {
          it(`serves a callback when ${compiler} has compiled it to ${type}`, async () => {
            const app = await mkdtemp(join(project.folder, 'app-'));
            await writeFile(join(app, 'package.json'), JSON.stringify({ type }));
            await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['main.ts'] }));
            await writeFile(join(app, 'main.ts'), program);
            await succeed(runNode([tsc, '-p', app], app));
            expect(await succeed(runNode(['main.js'], app))).to.equal('reserved BK-1\n200 result=OK\n');
          });
        }
      }
    });
  }
});
