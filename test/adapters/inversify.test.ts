import { expect } from 'chai';
import { type BindToFluentSyntax, Container, inject, injectable, type ServiceIdentifier } from 'inversify';
import { DRAGONPAY, dragonpayModule } from '../../adapters/containers/inversify.js';
import { createDragonpay, type Dragonpay } from '../../src/create-dragonpay.js';
import { DragonpayCallback } from '../../src/decorators/dragonpay-callback.js';
import type { HandlerClass } from '../../src/decorators/handler-metadata.js';
import { OnGet } from '../../src/decorators/on-get.js';
import { OnPost } from '../../src/decorators/on-post.js';
import { OnStatus } from '../../src/decorators/on-status.js';
import type { Callback, StoredCallback } from '../../src/model/callback.js';
import type { CallbackRepository } from '../../src/repository/callback-repository.js';
import { MemoryRepository } from '../../src/repository/memory-repository.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { dispatchSigned, paymentFields, sha1Settings } from '../support/dispatch-signed.js';

const names = { Shop: Symbol('Shop'), Session: Symbol('Session') };

/** A service whose instances can be told apart. */
interface Numbered {
  readonly number: number;
}

/** Binds a service of which every instance has the next number. */
function bindNumbered(container: Container, name: symbol) {
  let number = 0;
  return container.bind<Numbered>(name).toDynamicValue(() => {
    number += 1;
    return { number };
  });
}

/** Inversify 7 calls the synchronous form `rebindSync`, Inversify 8 calls it `rebind`. */
function rebind<Service>(container: Container, identifier: ServiceIdentifier<Service>): BindToFluentSyntax<Service> {
  const names = container as Container & { rebindSync?: Container['rebind'] };
  return names.rebindSync === undefined ? container.rebind(identifier) : names.rebindSync(identifier);
}

/** Inversify 7 calls the asynchronous forms `unload` and `unbind`, Inversify 8 `unloadAsync` and `unbindAsync`. */
function promised(container: Container, name: 'unload' | 'unbind'): (argument: unknown) => Promise<unknown> {
  const methods = container as unknown as Record<string, (argument: unknown) => Promise<unknown>>;
  const method = methods[`${name}Async`] ?? methods[name];
  return async (argument) => method?.call(container, argument);
}

@injectable()
class Basket {
  readonly session: Numbered;
  constructor(@inject(names.Session) session: Numbered) {
    this.session = session;
  }
}

@injectable()
@DragonpayCallback()
class CheckoutCallback {
  static made = 0;
  readonly number: number;
  readonly shop: Numbered;
  readonly session: Numbered;
  readonly basket: Basket;
  calls = 0;

  constructor(
    @inject(names.Shop) shop: Numbered,
    @inject(names.Session) session: Numbered,
    @inject(Basket) basket: Basket,
  ) {
    CheckoutCallback.made += 1;
    this.number = CheckoutCallback.made;
    this.shop = shop;
    this.session = session;
    this.basket = basket;
  }

  @OnPost()
  settle(_callback: Callback) {
    this.calls += 1;
    const { number, shop, session, basket, calls } = this;
    return `handler ${number} shop ${shop.number} sessions ${session.number} ${basket.session.number} call ${calls}`;
  }
}

describe('dragonpayModule', () => {
  /** A container with the module and the services of CheckoutCallback. */
  function containerOf(settings: Partial<DragonpaySettings> = {}): Container {
    const container = new Container();
    container.load(dragonpayModule({ ...sha1Settings, ...settings }));
    bindNumbered(container, names.Shop).inSingletonScope();
    bindNumbered(container, names.Session).inRequestScope();
    container.bind(Basket).toSelf();
    return container;
  }

  async function answers(dragonpay: Dragonpay, Class: HandlerClass, times: number): Promise<string[]> {
    const endpoint = dragonpay.endpoint(Class);
    const bodies: string[] = [];
    for (let time = 0; time < times; time += 1) bodies.push((await dispatchSigned(endpoint)).body);
    return bodies;
  }

  beforeEach(() => {
    CheckoutCallback.made = 0;
  });

  it('gives every caller the same receiver', () => {
    @injectable()
    class Server {
      constructor(@inject(DRAGONPAY.Dragonpay) readonly dragonpay: Dragonpay) {}
    }
    const container = containerOf();
    container.bind(Server).toSelf();
    expect(container.get(Server).dragonpay).to.equal(container.get(DRAGONPAY.Dragonpay));
  });

  describe('takes handlers from the container', () => {
    it('in transient scope: a new one for each callback, and new services in request scope', async () => {
      const container = containerOf();
      container.bind(CheckoutCallback).toSelf().inTransientScope();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 3)).to.deep.equal([
        'handler 1 shop 1 sessions 1 1 call 1',
        'handler 2 shop 1 sessions 2 2 call 1',
        'handler 3 shop 1 sessions 3 3 call 1',
      ]);
    });

    it('in request scope: a new one for each callback', async () => {
      const container = containerOf();
      container.bind(CheckoutCallback).toSelf().inRequestScope();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 2)).to.deep.equal([
        'handler 1 shop 1 sessions 1 1 call 1',
        'handler 2 shop 1 sessions 2 2 call 1',
      ]);
    });

    it('in singleton scope: the same one for all callbacks', async () => {
      const container = containerOf();
      container.bind(CheckoutCallback).toSelf().inSingletonScope();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 3)).to.deep.equal([
        'handler 1 shop 1 sessions 1 1 call 1',
        'handler 1 shop 1 sessions 1 1 call 2',
        'handler 1 shop 1 sessions 1 1 call 3',
      ]);
    });

    it('in transient scope with transient services: a new service for each injection', async () => {
      const container = containerOf();
      container.unbind(names.Session);
      bindNumbered(container, names.Session).inTransientScope();
      container.bind(CheckoutCallback).toSelf();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 2)).to.deep.equal([
        'handler 1 shop 1 sessions 1 2 call 1',
        'handler 2 shop 1 sessions 3 4 call 1',
      ]);
    });

    it('one for all methods of one callback', async () => {
      const repository = new MemoryRepository();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      @injectable()
      @DragonpayCallback()
      class TwoMethods {
        #shipped = 'nothing';
        @OnStatus('S') ship({ data }: StoredCallback<'S'>) {
          this.#shipped = data.txnid;
        }
        @OnPost() settle() {
          return `shipped ${this.#shipped}`;
        }
      }
      const container = containerOf({ repository });
      container.bind(TwoMethods).toSelf().inTransientScope();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), TwoMethods, 2)).to.deep.equal([
        'shipped T-1',
        'shipped nothing',
      ]);
    });

    it('apart for callbacks at the same time', async () => {
      const container = containerOf();
      container.bind(CheckoutCallback).toSelf();
      const endpoint = container.get(DRAGONPAY.Dragonpay).endpoint(CheckoutCallback);
      const replies = await Promise.all(Array.from({ length: 5 }, () => dispatchSigned(endpoint)));
      expect(replies.map(({ body }) => body)).to.have.members(
        [1, 2, 3, 4, 5].map((number) => `handler ${number} shop 1 sessions ${number} ${number} call 1`),
      );
    });

    it('that wait for asynchronous services', async () => {
      const container = containerOf();
      container.unbind(names.Shop);
      let made = 0;
      container
        .bind<Numbered>(names.Shop)
        .toDynamicValue(async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          made += 1;
          return { number: made * 100 };
        })
        .inTransientScope();
      container.bind(CheckoutCallback).toSelf();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 2)).to.deep.equal([
        'handler 1 shop 100 sessions 1 1 call 1',
        'handler 2 shop 200 sessions 2 2 call 1',
      ]);
    });

    it('that were bound after the receiver was made', async () => {
      const container = containerOf();
      const dragonpay = container.get(DRAGONPAY.Dragonpay);
      container.bind(CheckoutCallback).toSelf();
      expect((await dispatchSigned(dragonpay.endpoint(CheckoutCallback))).body).to.equal(
        'handler 1 shop 1 sessions 1 1 call 1',
      );
    });

    it('with services that were swapped between two callbacks', async () => {
      const container = containerOf();
      container.bind(CheckoutCallback).toSelf();
      const endpoint = container.get(DRAGONPAY.Dragonpay).endpoint(CheckoutCallback);
      await dispatchSigned(endpoint);
      container.unbind(names.Shop);
      container.bind<Numbered>(names.Shop).toConstantValue({ number: 42 });
      expect((await dispatchSigned(endpoint)).body).to.equal('handler 2 shop 42 sessions 2 2 call 1');
    });

    it('also after the container went back to a snapshot', async () => {
      const container = containerOf();
      container.bind(CheckoutCallback).toSelf();
      const endpoint = container.get(DRAGONPAY.Dragonpay).endpoint(CheckoutCallback);
      await dispatchSigned(endpoint);
      container.snapshot();
      container.unbind(names.Shop);
      container.bind<Numbered>(names.Shop).toConstantValue({ number: 42 });
      expect((await dispatchSigned(endpoint)).body).to.match(/shop 42/);
      container.restore();
      expect((await dispatchSigned(endpoint)).body).to.match(/shop 1/);
    });

    it('and answers 500 and stores nothing if it has none', async () => {
      const repository = new MemoryRepository();
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      const errors: unknown[] = [];
      const container = containerOf({ repository, hooks: { handlerFailed: ({ error }) => errors.push(error) } });
      container.bind(CheckoutCallback).toSelf();
      const endpoint = container.get(DRAGONPAY.Dragonpay).endpoint(CheckoutCallback);
      container.unbind(CheckoutCallback);
      expect((await dispatchSigned(endpoint)).status).to.equal(500);
      expect(String(errors[0])).to.match(/No bindings found.*CheckoutCallback/s);
      expect((await repository.findPayment('T-1'))?.status).to.equal('P');
    });

    it('but leaves them to a resolver that the settings name', async () => {
      @DragonpayCallback()
      class Plain {
        @OnPost() settle() {
          return 'not from the container';
        }
      }
      const container = containerOf({ resolver: new Map([[Plain, new Plain()]]) });
      expect(await answers(container.get(DRAGONPAY.Dragonpay), Plain, 1)).to.deep.equal(['not from the container']);
    });

    it('also where the settings name a resolver that is undefined', async () => {
      const container = containerOf({ resolver: undefined });
      container.bind(CheckoutCallback).toSelf();
      expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 1)).to.deep.equal([
        'handler 1 shop 1 sessions 1 1 call 1',
      ]);
    });
  });

  describe('with a child container', () => {
    @injectable()
    @DragonpayCallback()
    class NamesItsShop {
      readonly shop: Numbered;
      constructor(@inject(names.Shop) shop: Numbered) {
        this.shop = shop;
      }
      @OnPost() settle() {
        return `shop ${this.shop.number}`;
      }
    }
    const bindShop = (container: Container, number: number) =>
      container.bind<Numbered>(names.Shop).toConstantValue({ number });

    it('takes handlers and services of the child that has the module', async () => {
      const parent = new Container();
      bindShop(parent, 1);
      const child = new Container({ parent });
      child.load(dragonpayModule(sha1Settings));
      child.bind(NamesItsShop).toSelf();
      const dragonpay = child.get(DRAGONPAY.Dragonpay);
      expect(await answers(dragonpay, NamesItsShop, 1)).to.deep.equal(['shop 1']);
      bindShop(child, 2);
      expect(await answers(dragonpay, NamesItsShop, 1)).to.deep.equal(['shop 2']);
    });

    it('takes handlers of the child, in later callbacks too, if the child got the receiver', async () => {
      const parent = new Container();
      parent.load(dragonpayModule(sha1Settings));
      const child = new Container({ parent });
      child.bind(NamesItsShop).toSelf();
      bindShop(child, 2);
      const dragonpay = child.get(DRAGONPAY.Dragonpay);
      expect(await answers(dragonpay, NamesItsShop, 2)).to.deep.equal(['shop 2', 'shop 2']);
    });

    it('keeps the receivers of parent and children apart where each has a module', async () => {
      const parent = new Container();
      parent.load(dragonpayModule(sha1Settings));
      parent.bind(NamesItsShop).toSelf();
      bindShop(parent, 1);
      const children = [2, 3].map((number) => {
        const child = new Container({ parent });
        child.load(dragonpayModule(sha1Settings));
        bindShop(child, number);
        return child;
      });
      const bodies: string[] = [];
      for (const container of [...children, parent]) {
        bodies.push(...(await answers(container.get(DRAGONPAY.Dragonpay), NamesItsShop, 1)));
      }
      expect(bodies).to.deep.equal(['shop 2', 'shop 3', 'shop 1']);
    });
  });

  describe('has a repository', () => {
    @injectable()
    @DragonpayCallback()
    class ShowsRow {
      @OnGet() async show(callback: Callback) {
        const row = callback.valid ? await callback.stored() : undefined;
        return row?.status ?? 'no row';
      }
    }

    async function repositoryWith(txnid: string): Promise<MemoryRepository> {
      const repository = new MemoryRepository();
      await repository.createPayment({ txnid, amount: '100.00' });
      return repository;
    }

    async function storeAndShow(dragonpay: Dragonpay): Promise<string> {
      const endpoint = dragonpay.endpoint(ShowsRow);
      await dispatchSigned(endpoint);
      return (await dispatchSigned(endpoint, paymentFields(), 'GET')).body;
    }

    it('of the settings, which services can be given too', async () => {
      const repository = await repositoryWith('T-1');
      const container = containerOf({ repository });
      container.bind(ShowsRow).toSelf();
      expect(container.get(DRAGONPAY.Repository)).to.equal(repository);
      expect(await storeAndShow(container.get(DRAGONPAY.Dragonpay))).to.equal('S');
    });

    it('or none', async () => {
      const container = containerOf();
      container.bind(ShowsRow).toSelf();
      expect(container.get(DRAGONPAY.Repository)).to.equal(undefined);
      expect(await storeAndShow(container.get(DRAGONPAY.Dragonpay))).to.equal('no row');
    });

    it('that was rebound to a custom one', async () => {
      const stored: string[] = [];
      class OwnRepository implements CallbackRepository<undefined> {
        async store({ id, status }: Parameters<CallbackRepository['store']>[0]) {
          stored.push(`${id} ${status}`);
          return { outcome: 'not-found' } as const;
        }
        async findPayment() {
          return undefined;
        }
        async findPayout() {
          return undefined;
        }
      }
      const ofTheSettings = await repositoryWith('T-1');
      const container = containerOf({ repository: ofTheSettings });
      container.bind(ShowsRow).toSelf();
      rebind(container, DRAGONPAY.Repository).toConstantValue(new OwnRepository());
      expect(await storeAndShow(container.get(DRAGONPAY.Dragonpay))).to.equal('no row');
      expect(stored).to.deep.equal(['T-1 S']);
      expect((await ofTheSettings.findPayment('T-1'))?.status).to.equal('P');
    });

    it('that was rebound to a class with services of its own', async () => {
      @injectable()
      class Audited extends MemoryRepository {
        constructor(@inject(names.Shop) readonly shop: Numbered) {
          super();
        }
      }
      const container = containerOf();
      container.bind(ShowsRow).toSelf();
      rebind(container, DRAGONPAY.Repository).to(Audited).inSingletonScope();
      const repository = container.get(DRAGONPAY.Repository) as Audited;
      await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
      expect(repository.shop.number).to.equal(1);
      expect(await storeAndShow(container.get(DRAGONPAY.Dragonpay))).to.equal('S');
    });

    it('that is made asynchronously, and the receiver with it', async () => {
      const container = containerOf();
      container.bind(ShowsRow).toSelf();
      rebind(container, DRAGONPAY.Repository).toDynamicValue(() => repositoryWith('T-1'));
      expect(() => container.get(DRAGONPAY.Dragonpay)).to.throw(/asynchronous/);
      expect(await storeAndShow(await container.getAsync(DRAGONPAY.Dragonpay))).to.equal('S');
    });

    it('and settings that were rebound', async () => {
      const container = containerOf();
      container.bind(ShowsRow).toSelf();
      rebind(container, DRAGONPAY.Settings).toConstantValue({
        ...sha1Settings,
        repository: await repositoryWith('T-1'),
        saveData: false,
      });
      expect(await storeAndShow(container.get(DRAGONPAY.Dragonpay))).to.equal('P');
    });
  });

  it('says at endpoint() which service of a handler class is not bound', () => {
    const container = new Container();
    container.load(dragonpayModule(sha1Settings));
    const dragonpay = container.get(DRAGONPAY.Dragonpay);
    const problem = () => {
      try {
        return void dragonpay.endpoint(CheckoutCallback);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(problem()).to.match(/^the resolver cannot make CheckoutCallback: No bindings found .*CheckoutCallback/);
    container.bind(CheckoutCallback).toSelf();
    expect(problem()).to.match(/^the resolver cannot make CheckoutCallback: No bindings found .*Symbol\(Shop\)/);
    for (const name of [names.Shop, names.Session]) bindNumbered(container, name);
    container.bind(Basket).toSelf();
    expect(problem()).to.equal(undefined);
  });

  it('leaves a handler class whose services are asynchronous to the first callback', async () => {
    const container = new Container();
    container.load(dragonpayModule(sha1Settings));
    for (const name of [names.Shop, names.Session]) container.bind(name).toDynamicValue(async () => ({ number: 1 }));
    container.bind(Basket).toSelf();
    container.bind(CheckoutCallback).toSelf();
    expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 1)).to.have.length(1);
  });

  it('says which setting is wrong when the receiver is asked for', () => {
    expect(() => containerOf({ merchantId: '' }).get(DRAGONPAY.Dragonpay)).to.throw(/merchantId/);
  });

  it('can be unloaded; mounted endpoints serve until the receiver is closed', async () => {
    const module = dragonpayModule(sha1Settings);
    const container = new Container();
    container.load(module);
    bindNumbered(container, names.Shop);
    bindNumbered(container, names.Session);
    container.bind(Basket).toSelf();
    container.bind(CheckoutCallback).toSelf();
    const dragonpay = container.get(DRAGONPAY.Dragonpay);
    const endpoint = dragonpay.endpoint(CheckoutCallback);
    await promised(container, 'unload')(module);
    for (const identifier of Object.values(DRAGONPAY)) expect(container.isBound(identifier)).to.equal(false);
    expect(() => container.get(DRAGONPAY.Dragonpay)).to.throw(/No bindings found/);
    expect((await dispatchSigned(endpoint)).status).to.equal(200);
    expect(await dragonpay.close()).to.equal(true);
    expect((await dispatchSigned(endpoint)).status).to.equal(503);

    container.load(module);
    expect(container.get(DRAGONPAY.Dragonpay)).not.to.equal(dragonpay);
    expect(await answers(container.get(DRAGONPAY.Dragonpay), CheckoutCallback, 1)).to.have.length(1);
  });

  it('is closed by the container if the binding says so', async () => {
    const container = containerOf();
    container.bind(CheckoutCallback).toSelf();
    container.onDeactivation(DRAGONPAY.Dragonpay, async (dragonpay) => {
      await dragonpay.close();
    });
    const endpoint = container.get(DRAGONPAY.Dragonpay).endpoint(CheckoutCallback);
    await promised(container, 'unbind')(DRAGONPAY.Dragonpay);
    expect((await dispatchSigned(endpoint)).body).to.equal('error=closing');
  });
});

describe('without a container', () => {
  it('everything works: one instance is made of each class', async () => {
    @DragonpayCallback()
    class Counter {
      #calls = 0;
      @OnPost() settle() {
        this.#calls += 1;
        return `call ${this.#calls}`;
      }
    }
    const endpoint = createDragonpay(sha1Settings).endpoint(Counter);
    expect((await dispatchSigned(endpoint)).body).to.equal('call 1');
    expect((await dispatchSigned(endpoint)).body).to.equal('call 2');
  });

  it('a container alone is a resolver too', async () => {
    const container = new Container();
    bindNumbered(container, names.Shop);
    bindNumbered(container, names.Session).inRequestScope();
    container.bind(Basket).toSelf();
    container.bind(CheckoutCallback).toSelf();
    CheckoutCallback.made = 0;
    const endpoint = createDragonpay({ ...sha1Settings, resolver: container }).endpoint(CheckoutCallback);
    expect((await dispatchSigned(endpoint)).body).to.equal('handler 1 shop 1 sessions 1 1 call 1');
    expect((await dispatchSigned(endpoint)).body).to.equal('handler 2 shop 2 sessions 2 2 call 1');
  });
});
