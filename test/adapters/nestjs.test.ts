import type {
  DynamicModule,
  INestApplication,
  MiddlewareConsumer,
  NestApplicationOptions,
  NestModule,
  Provider,
} from '@nestjs/common';
import { expect } from 'chai';
import {
  type Callback,
  type Dragonpay,
  DragonpayCallback,
  DragonpayError,
  type DragonpaySettings,
  type HandlerClass,
  MemoryRepository,
  OnGet,
  OnPost,
  OnStatus,
  type StoredCallback,
} from '../../src/index.js';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { dispatchSigned, paymentFields, secretKey, sha1Settings } from '../support/dispatch-signed.js';
import { nestPlatforms, nestVersions, platformOf } from '../support/nest.js';
import { rejection } from '../support/rejection.js';

const path = '/dragonpay/callback';
const form = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }));
const quiet: NestApplicationOptions = { logger: false, abortOnError: false, forceCloseConnections: true };

async function answerOf(answer: Promise<Response>): Promise<string> {
  const { status, text } = await answer.then(async (got) => ({ status: got.status, text: await got.text() }));
  return `${status} ${text}`;
}
const post = (url: string) => answerOf(fetch(url, { method: 'POST', body: new URLSearchParams(form) }));

for (const [version, load] of Object.entries(nestVersions)) {
  const nest = await load();
  const { Body, Controller, Get, Inject, Injectable, Module, Post, Scope } = nest.common;
  const { DRAGONPAY, DragonpayModule } = nest.adapter;

  @Injectable()
  class Warehouse {
    readonly packed: string[] = [];
    pack(txnid: string) {
      this.packed.push(txnid);
    }
  }

  @Injectable()
  @DragonpayCallback()
  class CheckoutCallback {
    static made = 0;
    constructor(@Inject(Warehouse) readonly warehouse: Warehouse) {
      CheckoutCallback.made += 1;
    }
    @OnStatus('S') ship({ data }: StoredCallback<'S'>) {
      this.warehouse.pack(data.txnid);
    }
    @OnGet() show() {
      return `made ${CheckoutCallback.made}`;
    }
  }

  @Injectable()
  @DragonpayCallback({ allowInvalidData: false })
  class OtherCallback {
    @OnPost() settle(_callback: Callback) {
      return 'other';
    }
  }

  @Controller('shop')
  class ShopController {
    constructor(@Inject(DRAGONPAY) readonly dragonpay: Dragonpay) {}
    @Get() isThere() {
      return typeof this.dragonpay.reconcile;
    }
    @Post() echo(@Body() body: unknown) {
      return body;
    }
  }

  describe(`DragonpayModule on ${version}`, () => {
    let app: INestApplication | undefined;
    let repository: MemoryRepository;
    let settings: DragonpaySettings;

    beforeEach(async () => {
      CheckoutCallback.made = 0;
      repository = new MemoryRepository();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      settings = { ...sha1Settings, repository };
    });
    afterEach(async () => {
      await app?.close();
      app = undefined;
    });

    /** A root module that imports a module, and has these providers. */
    function rootOf(imported: DynamicModule, providers: Provider[] = [Warehouse, CheckoutCallback, OtherCallback]) {
      class AppModule {}
      Module({ imports: [imported], providers, controllers: [ShopController] })(AppModule);
      return AppModule;
    }

    async function listen(root: object, change: (app: INestApplication) => void = () => {}): Promise<string> {
      app = await nest.core.NestFactory.create(root, quiet);
      change(app);
      await app.listen(0, '127.0.0.1');
      return app.getUrl();
    }

    const status = async () => (await repository.findPayment('T-1'))?.status;
    const one = () => ({ path, handler: CheckoutCallback, settings });

    for (const platform of nestPlatforms) {
      describe(`and ${platform}`, () => {
        for (const rawBody of [false, true]) {
          it(`serves callbacks before guards, pipes, interceptors and prefixes, with rawBody: ${rawBody}`, async () => {
            const touched: string[] = [];
            const refuse = (what: string) => () => {
              touched.push(what);
              throw new nest.common.ForbiddenException();
            };
            class AppModule extends rootOf(DragonpayModule.forRoot(one())) implements NestModule {
              configure(consumer: MiddlewareConsumer) {
                consumer.apply(refuse('configured')).forRoutes('{*all}');
              }
            }
            const options = { ...quiet, rawBody, cors: true };
            app = await nest.core.NestFactory.create(AppModule, platformOf(nest, platform), options);
            app.setGlobalPrefix('api').enableVersioning();
            app.useGlobalGuards({ canActivate: refuse('guard') });
            app.useGlobalPipes({ transform: refuse('pipe') });
            app.useGlobalInterceptors({ intercept: refuse('interceptor') });
            app.useGlobalFilters({ catch: refuse('filter') });
            app.use(refuse('middleware'));
            await app.listen(0, '127.0.0.1');
            const url = `${await app.getUrl()}${path}`;
            expect(await post(url)).to.equal('200 result=OK');
            expect(await status()).to.equal('S');
            expect(await answerOf(fetch(`${url}?${form}`))).to.equal('200 made 1');
            expect(await answerOf(fetch(url, { method: 'PUT', body: form }))).to.equal('405 error=method-not-allowed');
            if (platform === 'Express') {
              expect((await fetch(url, { method: 'OPTIONS' })).headers.get('allow')).to.include('POST');
            }
            expect(app.get(Warehouse).packed).to.deep.equal(['T-1']);
            expect(touched).to.deep.equal([]);
            expect((await fetch(`${await app.getUrl()}/api/shop`)).status).to.not.equal(200);
            expect(touched).not.to.be.empty;
          });
        }

        it('leaves all other paths to the app', async () => {
          app = await nest.core.NestFactory.create(
            rootOf(DragonpayModule.forRoot(one())),
            platformOf(nest, platform),
            quiet,
          );
          await app.listen(0, '127.0.0.1');
          const url = await app.getUrl();
          expect(await answerOf(fetch(`${url}/shop`))).to.equal('200 function');
          const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"amount":1}' };
          expect(await answerOf(fetch(`${url}/shop`, json))).to.equal('201 {"amount":1}');
          for (const other of [`${path}s`, `${path}/more`, `/more${path}`, '/']) {
            expect(await post(`${url}${other}`), other).to.match(/^404 /);
          }
          expect(await status()).to.equal('P');
        });

        it('serves callbacks in an app that is made for a test, with another provider', async () => {
          const made = nest.testing.Test.createTestingModule({ imports: [rootOf(DragonpayModule.forRoot(one()))] });
          const warehouse = { packed: [] as string[], pack: (txnid: string) => warehouse.packed.push(`test ${txnid}`) };
          made.overrideProvider(Warehouse).useValue(warehouse);
          app = (await made.compile()).createNestApplication(platformOf(nest, platform), quiet);
          await app.listen(0, '127.0.0.1');
          expect(await post(`${await app.getUrl()}${path}`)).to.equal('200 result=OK');
          expect(warehouse.packed).to.deep.equal(['test T-1']);
        });
      });
    }

    it('takes its options from a factory, with providers of the modules that it imports', async () => {
      class Config {
        readonly path = '/from/config';
      }
      class ConfigModule {}
      Module({ providers: [Config], exports: [Config] })(ConfigModule);
      const imported = DragonpayModule.forRootAsync({
        imports: [ConfigModule],
        inject: [Config],
        useFactory: async ({ path }: Config) => ({ ...one(), path }),
      });
      const url = await listen(rootOf(imported));
      expect(await post(`${url}/from/config`)).to.equal('200 result=OK');
      expect(await status()).to.equal('S');
    });

    it('serves several endpoints, each with its kinds', async () => {
      const endpoints = [
        { path: '/payments', handler: CheckoutCallback, kinds: ['payment'] },
        { path: '/others', handler: OtherCallback },
        { path: '/payouts', handler: OtherCallback, kinds: ['payout'] },
      ] as const;
      const url = await listen(rootOf(DragonpayModule.forRoot({ settings, endpoints })));
      expect(await post(`${url}/payments`)).to.equal('200 result=OK');
      expect(await post(`${url}/others`)).to.equal('200 other');
      expect(await post(`${url}/payouts`)).to.equal('400 error=kind-not-accepted');
    });

    it('can be imported twice, with the settings of two merchants and a token of each', async () => {
      const theirs = { ...settings, verification: { sha1: { secretKeys: ['their secret'] } } };
      class AppModule {}
      Module({
        imports: [
          DragonpayModule.forRoot({ ...one(), token: 'OURS' }),
          DragonpayModule.forRootAsync({
            token: 'THEIRS',
            useFactory: () => ({ path: '/theirs', handler: CheckoutCallback, settings: theirs }),
          }),
        ],
        providers: [Warehouse, CheckoutCallback],
      })(AppModule);
      const url = await listen(AppModule);
      expect(await post(`${url}/theirs`)).to.equal('400 error=proof-mismatch');
      expect(await post(`${url}${path}`)).to.equal('200 result=OK');
      const statusFrom = async (token: string) => {
        const endpoint = app?.get<Dragonpay>(token).endpoint(CheckoutCallback);
        return endpoint && (await dispatchSigned(endpoint)).status;
      };
      expect([await statusFrom('OURS'), await statusFrom('THEIRS')]).to.deep.equal([200, 400]);
    });

    it('uses one instance of a handler, or a new one for each callback in transient scope', async () => {
      @Injectable({ scope: Scope.TRANSIENT })
      @DragonpayCallback()
      class Transient {
        static made = 0;
        constructor(@Inject(Warehouse) readonly warehouse: Warehouse) {
          Transient.made += 1;
        }
        @OnGet() show() {
          return `transient ${Transient.made} ${this.warehouse instanceof Warehouse}`;
        }
      }
      const endpoints = [
        { path, handler: CheckoutCallback },
        { path: '/transient', handler: Transient },
      ];
      const imported = DragonpayModule.forRoot({ settings, endpoints });
      const url = await listen(rootOf(imported, [Warehouse, CheckoutCallback, Transient]));
      for (const time of [1, 2]) {
        expect(await answerOf(fetch(`${url}${path}?${form}`)), `${time}`).to.equal('200 made 1');
        expect(await answerOf(fetch(`${url}/transient?${form}`))).to.equal(`200 transient ${time} true`);
      }
    });

    it('gives the receiver to any provider, and takes handlers from Nest without a request', async () => {
      const context = await nest.core.NestFactory.createApplicationContext(
        rootOf(DragonpayModule.forRoot(one())),
        quiet,
      );
      await context.get<Dragonpay>(DRAGONPAY).correct('T-1', { status: 'S' }, { ...byHand, runEffects: true });
      expect(context.get(Warehouse).packed).to.deep.equal(['T-1']);
      await context.close();
    });
    const byHand = { kind: 'payment', by: 'a test', reason: 'paid in cash' } as const;

    it('leaves handlers to the resolver of the settings, if there is one', async () => {
      const resolver = new Map<HandlerClass, object>([[OtherCallback, { settle: () => 'resolved' }]]);
      const options = { path, handler: OtherCallback, settings: { ...settings, resolver } };
      const url = await listen(rootOf(DragonpayModule.forRoot(options), []));
      expect(await post(`${url}${path}`)).to.equal('200 resolved');
    });

    describe('does not start', () => {
      async function refusal(imported: DynamicModule, providers?: Provider[]): Promise<string> {
        const { code, message } = (await rejection(listen(rootOf(imported, providers)))) as Record<string, string>;
        return `${code}: ${message}`;
      }

      it('with a setting that is malformed', async () => {
        const broken = { ...one(), settings: { ...settings, merchantId: '' } };
        expect(await refusal(DragonpayModule.forRoot(broken))).to.match(/^invalid-setting: merchantId /);
        const imported = DragonpayModule.forRootAsync({ useFactory: async () => broken });
        expect(await refusal(imported)).to.match(/^invalid-setting: merchantId /);
      });

      it('with options of another shape', async () => {
        const forRoot = (options: unknown) => () => DragonpayModule.forRoot(options as never);
        expect(forRoot(undefined)).to.throw(DragonpayError, 'settings must be an object in the options');
        expect(forRoot({ path, handler: CheckoutCallback })).to.throw(DragonpayError, 'settings must be an object');
        expect(forRoot({ settings, endpoints: one() })).to.throw(DragonpayError, 'endpoints must be a list');
        expect(() => DragonpayModule.forRootAsync({} as never)).to.throw(DragonpayError, 'the function useFactory');
        const imported = DragonpayModule.forRootAsync({ useFactory: async () => undefined as never });
        expect(await refusal(imported)).to.equal('invalid-setting: settings must be an object in the options');
        expect(await refusal(DragonpayModule.forRoot({ ...one(), path: [path] as never }))).to.match(
          /: path must begin/,
        );
      });

      it('with a misspelt option of an endpoint', async () => {
        const misspelt = { ...one(), token: 'SHOP', kind: ['payout'] };
        expect(await refusal(DragonpayModule.forRoot(misspelt))).to.equal(
          'invalid-setting: kind is unknown; did you mean kinds?',
        );
      });

      it('with a handler that is not decorated, or is no provider', async () => {
        expect(await refusal(DragonpayModule.forRoot({ ...one(), handler: Warehouse }))).to.match(
          /^invalid-handler-class: Warehouse /,
        );
        expect(await refusal(DragonpayModule.forRoot(one()), [Warehouse])).to.equal(
          'invalid-handler-class: CheckoutCallback must be in the providers of a module',
        );
      });

      it('with a handler in request scope, also by what it injects', async () => {
        @Injectable({ scope: Scope.REQUEST })
        @DragonpayCallback()
        class Scoped {
          @OnGet() show() {}
        }
        const why =
          'must not be in request scope, and must not inject a provider in request scope: a callback can be handled without a request, as by reconcile()';
        const scoped = DragonpayModule.forRoot({ ...one(), handler: Scoped });
        expect(await refusal(scoped, [Scoped])).to.equal(`invalid-handler-class: Scoped ${why}`);
        const services = [{ provide: Warehouse, useClass: Warehouse, scope: Scope.REQUEST }, CheckoutCallback];
        expect(await refusal(DragonpayModule.forRoot(one()), services)).to.equal(
          `invalid-handler-class: CheckoutCallback ${why}`,
        );
      });

      it('with a path that no request can have, or that two endpoints have', async () => {
        for (const wrong of ['dragonpay', '', '/callback?x=1', '/a#b', '*']) {
          expect(await refusal(DragonpayModule.forRoot({ ...one(), path: wrong })), wrong).to.equal(
            'invalid-setting: path must begin with / and must not contain a query',
          );
        }
        const endpoints = [CheckoutCallback, OtherCallback].map((handler) => ({ path, handler }));
        expect(await refusal(DragonpayModule.forRoot({ settings, endpoints }))).to.equal(
          'invalid-setting: path must not be the same for two endpoints',
        );
      });
    });

    it('finishes the callbacks under way before the modules that it imports close', async () => {
      const events: string[] = [];
      class Database {
        async onModuleDestroy() {
          events.push('database closed');
        }
      }
      class DatabaseModule {}
      Module({ providers: [Database], exports: [Database] })(DatabaseModule);
      let begun = () => {};
      const isBegun = new Promise<void>((resolve) => {
        begun = resolve;
      });
      @Injectable()
      @DragonpayCallback()
      class Slow {
        @OnStatus('S') async ship() {
          begun();
          await new Promise((resolve) => setTimeout(resolve, 100));
          events.push('shipped');
        }
      }
      const imported = DragonpayModule.forRootAsync({
        imports: [DatabaseModule],
        inject: [Database],
        useFactory: () => ({ path, handler: Slow, settings }),
      });
      class AppModule {
        onApplicationShutdown() {
          events.push('shut down');
        }
      }
      Module({ imports: [DatabaseModule, imported], providers: [Slow] })(AppModule);
      const url = await listen(AppModule);
      const underWay = post(`${url}${path}`);
      await isBegun;
      const closing = app?.close();
      await new Promise(setImmediate);
      const late = post(`${url}${path}`);
      expect(await underWay).to.equal('200 result=OK');
      expect(await late).to.equal('503 error=closing');
      await closing;
      expect(events).to.deep.equal(['shipped', 'database closed', 'shut down']);
    });
  });
}
