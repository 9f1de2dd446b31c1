import { expect } from 'chai';
import { DummyDriver, Kysely, PostgresDialect, SqliteDialect, Transaction } from 'kysely';
import { dragonpayModule } from '../../adapters/containers/inversify.js';
import { toExpressHandler } from '../../adapters/http/express.js';
import { dragonpayFastify } from '../../adapters/http/fastify.js';
import { toFetchHandler } from '../../adapters/http/fetch.js';
import { toKoaMiddleware } from '../../adapters/http/koa.js';
import { toLambdaHandler } from '../../adapters/http/lambda.js';
import { toNodeListener } from '../../adapters/http/node.js';
import { graphileQueue, graphileTasks } from '../../adapters/queues/graphile-worker.js';
import { pgBossQueue, workWithPgBoss } from '../../adapters/queues/pg-boss.js';
import { instrument } from '../../adapters/telemetry/opentelemetry.js';
import {
  createDragonpay,
  DragonpayCallback,
  DragonpayError,
  type DragonpaySettings,
  decorateHandler,
  generateTxnId,
  MemoryRepository,
  OnGet,
  OnPost,
  OnStatus,
  reply,
  settingsFromEnv,
} from '../../src/index.js';
import { createMigrations, KyselyRepository, withNamedStatements } from '../../src/kysely.js';
import { mysqlDialect } from '../../src/mysql.js';
import { startSandbox } from '../../src/sandbox.js';
import { SqliteFileDialect, sqliteDialect } from '../../src/sqlite.js';
import {
  adapterConformance,
  assertCallbackCorpus,
  assertExactlyOnce,
  deliver,
  encodeCallback,
  repositoryConformance,
  signCallback,
} from '../../src/testing.js';
import { sha1Settings } from '../support/dispatch-signed.js';

@DragonpayCallback()
class Ship {
  @OnPost() post() {}
}

/** The functions as JavaScript calls them: they accept any arguments. */
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose
type Loose = any;

const receiver = (settings: object = {}) =>
  createDragonpay({ ...sha1Settings, repository: new MemoryRepository(), ...settings } as DragonpaySettings) as Loose;
const queue = { enqueue: async () => {} };
/** The endpoint of a class whose method has this decorator. */
const endpointWith = (...given: unknown[]) => {
  class Decorated {
    ship() {}
  }
  decorateHandler(Decorated, { ship: (OnStatus as Loose)(...given) });
  return receiver({ queue }).endpoint(Decorated);
};
const decorate = decorateHandler as Loose;
const memory = () => new MemoryRepository() as Loose;
const overPostgres = () => new Kysely<unknown>({ dialect: new PostgresDialect({ pool: {} as never }) });
const overSqlite = () => new Kysely<unknown>({ dialect: new SqliteDialect({ database: {} as never }) });
const inPostgres = () => new KyselyRepository(overPostgres()) as Loose;
const KyselyStore = KyselyRepository as Loose;
const payment = { txnid: 'T', amount: '1.00' };
const by = { reason: 'a test', by: 'Ana' };
const opened = (open: unknown) =>
  new Kysely<Loose>({ dialect: new SqliteFileDialect({ open: open as never }) }).selectFrom('orders').execute();
const fastify = { supportedMethods: [], route() {} };
const boss = { send() {}, getJobById() {}, createQueue() {}, work() {} } as Loose;
const endpoint = () => receiver().endpoint(Ship);
const adapters = { toExpressHandler, toKoaMiddleware, toNodeListener, toFetchHandler, toLambdaHandler };
const endpointIsMade = 'endpoint must be made by dragonpay.endpoint(YourClass)';
const isClass = 'a handler must be a class';
const isNoInstance = `${isClass}, not an instance: pass the class itself`;
const noPgBoss = 'boss must be a PgBoss, as made by new PgBoss()';
const noWorker = 'worker must be made by dragonpay.work(YourClass)';
const noDialect =
  'mysqlDialect of dragonpay-callback/mysql or sqliteDialect of dragonpay-callback/sqlite, or left out for PostgreSQL';
const otherDialect = `dialect must be for the database of the Kysely: ${noDialect}`;
const noTransaction = 'trx must be a transaction of Kysely, in an object: { trx }';
const noDatabase = 'open must return an open database, as in: open: () => new Database(path)';
const kind = 'it must be "payment" or "payout"';

/** Wrong calls, and the message of each. */
const cases: Readonly<Record<string, readonly [run: () => unknown, message: string]>> = {
  'decorateHandler, an instance': [() => decorate(new Ship(), { post: OnPost() }), isNoInstance],
  'decorateHandler, nothing': [() => decorate(undefined, { post: OnPost() }), isClass],
  'decorateHandler, an arrow function': [() => decorate(() => {}, { post: OnPost() }), isClass],
  'decorateHandler, no methods': [() => decorate(Ship), 'must be given the decorators of Ship'],
  'decorateHandler, a letter': [() => decorate(Ship, { post: 'S' }), 'post must have a decorator'],
  'decorateHandler, a method that is not there': [() => decorate(Ship, { ship: OnPost() }), 'Ship has no method ship'],
  'decorateHandler, options': [() => decorate(Ship, { post: OnPost() }, null), 'options must be an object'],
  'DragonpayCallback, options': [() => DragonpayCallback(null as never), 'options must be an object'],
  'DragonpayCallback, text': [() => DragonpayCallback('yes' as never), 'options must be an object'],
  'DragonpayCallback on an arrow': [() => DragonpayCallback()((() => {}) as never), 'must decorate a class'],
  'OnPost on a class': [() => (OnPost() as Loose)(Ship), 'OnPost must decorate a method'],
  'OnGet on nothing': [() => (OnGet() as Loose)(undefined, 'show'), 'OnGet must decorate a method'],
  'OnPost of a status': [() => (OnPost as Loose)('S'), 'OnPost() takes no arguments'],
  'OnStatus, a list': [() => OnStatus(['S'] as never), 'options must be an object'],
  'OnStatus, a number': [() => OnStatus(1 as never), 'options must be an object'],
  'OnStatus, null': [() => OnStatus(null as never), 'options must be an object'],
  'OnStatus, nothing': [() => endpointWith(), 'names no status'],
  'OnStatus, a small letter': [() => endpointWith('s'), 'unknown payment status'],
  'OnStatus, a queue of another shape': [() => endpointWith('S', { queue: 1 }), 'invalid queue name'],
  'OnStatus, another kind': [() => endpointWith('S', { kind: 'order' }), kind],
  'endpoint, an instance': [() => receiver().endpoint(new Ship()), isNoInstance],
  'endpoint, a list': [() => receiver().endpoint([Ship]), isClass],
  'endpoint, options': [() => receiver().endpoint(Ship, '/dragonpay/callback'), 'options must be an object'],
  'endpoint, kinds': [() => receiver().endpoint(Ship, { kinds: { payment: true } }), 'kinds must be a list'],
  'work, an instance': [() => receiver().work(new Ship()), isNoInstance],
  'reconcile, options': [() => receiver().reconcile(null), 'options must be an object'],
  'reconcile, a handler instance': [() => receiver({ apiKey: 'k' }).reconcile({ handler: new Ship() }), isNoInstance],
  'keepUp, a number': [() => receiver().keepUp(5_000), 'options must be an object'],
  'keepUp, a handler instance': [() => receiver().keepUp({ handler: new Ship() }), isNoInstance],
  'replay, nothing': [() => receiver().replay(), 'the key must be that of an event'],
  'replay, options': [() => receiver().replay('payment:T:R:S', null), 'options must be an object'],
  'correct, no change': [() => receiver().correct('T', undefined, by), 'change must be an object'],
  'correct, no options': [() => receiver().correct('T', { status: 'S' }), 'options must be an object'],
  'close, a number': [() => receiver().close(5_000), 'options must be an object'],
  'close, a text': [() => receiver().close({ milliseconds: '5' }), 'milliseconds must be a number'],
  'createDragonpay, nothing': [() => (createDragonpay as Loose)(), 'settings must be an object'],
  'repository, the class': [() => receiver({ repository: MemoryRepository }), 'repository must have the methods'],
  'repository, the Kysely': [() => receiver({ repository: overPostgres() }), 'repository must have the methods'],
  'repository, a promise': [() => receiver({ repository: Promise.resolve() }), 'repository must have the methods'],
  'resolver, a function': [() => receiver({ resolver: () => {} }), 'resolver must have the method get()'],
  'resolver.check, a text': [
    () => receiver({ resolver: { get() {}, check: 'x' } }),
    'resolver.check must be a function',
  ],
  'queue, a name': [() => receiver({ queue: 'mail' }), 'queue must have the method enqueue()'],
  'queue, pg-boss itself': [() => receiver({ queue: boss }), 'queue must have the method enqueue()'],
  'hooks, a function': [() => receiver({ hooks: () => {} }), 'hooks must be an object'],
  'hooks.stored, a text': [() => receiver({ hooks: { stored: 'x' } }), 'hooks.stored must be a function'],
  'settingsFromEnv, null': [() => settingsFromEnv(null as never), 'env must be an object'],
  'settingsFromEnv, a number': [() => settingsFromEnv({ DRAGONPAY_API_KEY: 5 as never }), 'must be a string'],
  'generateTxnId, a prefix': [() => generateTxnId('BK-' as never), 'options must be an object'],
  'reply.html, nothing': [() => (reply.html as Loose)(), 'body must be a string'],
  'reply.redirect, nothing': [() => (reply.redirect as Loose)(), 'location must be'],
  'reply.text, a status': [() => (reply.text as Loose)('x', 201), 'options must be an object'],
  'createPayment, nothing': [() => memory().createPayment(), 'details must be an object'],
  'createPayout, a list': [() => memory().createPayout([]), 'details must be an object'],
  'callbacks, null': [() => memory().callbacks(null), 'filter must be an object'],
  'KyselyRepository, a pool': [() => new KyselyStore({ connect() {} }), 'db must be a Kysely'],
  'KyselyRepository, options': [() => new KyselyStore(overPostgres(), null), 'options must be an object'],
  'dialect, one of Kysely': [
    () => new KyselyStore(overSqlite(), { dialect: new SqliteDialect({} as never) }),
    noDialect,
  ],
  'dialect, a name': [() => new KyselyStore(overSqlite(), { dialect: 'sqlite' }), otherDialect],
  'sqliteDialect over PostgreSQL': [() => new KyselyStore(overPostgres(), { dialect: sqliteDialect }), otherDialect],
  'mysqlDialect over PostgreSQL': [() => new KyselyStore(overPostgres(), { dialect: mysqlDialect }), otherDialect],
  'no dialect over SQLite': [() => new KyselyStore(overSqlite()), otherDialect],
  'trx as the options': [() => inPostgres().createPayment(payment, transaction()), noTransaction],
  'trx, another Kysely': [() => inPostgres().createPayment(payment, { trx: overPostgres() }), noTransaction],
  'trx, another object': [() => inPostgres().findPayment('T', { trx: {} }), noTransaction],
  'createMigrations, a dialect of Kysely': [
    () => createMigrations({ dialect: new SqliteDialect({} as never) as never }),
    `dialect must be ${noDialect}`,
  ],
  'createMigrations, null': [() => createMigrations(null as never), 'options must be an object'],
  'withNamedStatements, a URL': [() => withNamedStatements('postgres://' as never), 'pool must be a pool of pg'],
  'SqliteFileDialect, a path': [() => new SqliteFileDialect('shop.db' as never), 'open must be a function'],
  'SqliteFileDialect, misspelt': [
    () => new SqliteFileDialect({ open: () => ({}) as never, busyMiliseconds: 1 } as never),
    'did you mean busyMilliseconds?',
  ],
  'open, a path': [() => opened(() => 'shop.db'), noDatabase],
  'open, nothing': [() => opened(() => {}), noDatabase],
  'open, a promise': [() => opened(async () => ({})), noDatabase],
  ...Object.fromEntries(
    Object.entries<Loose>(adapters).flatMap(([name, adapt]) => [
      [`${name}, a class`, [() => adapt(Ship), endpointIsMade]],
      [`${name}, the receiver`, [() => adapt(receiver()), endpointIsMade]],
      [`${name}, nothing`, [() => adapt(), endpointIsMade]],
    ]),
  ),
  'toFetchHandler, misspelt': [() => toFetchHandler(endpoint(), { adress: () => '' } as never), 'options must be'],
  'dragonpayFastify, a class': [
    () => (dragonpayFastify as Loose)(fastify, { url: '/', endpoint: Ship }),
    endpointIsMade,
  ],
  'dragonpayFastify, no options': [() => (dragonpayFastify as Loose)(fastify), endpointIsMade],
  'dragonpayFastify, called': [() => (dragonpayFastify as Loose)(endpoint()), 'app must be a Fastify instance'],
  'dragonpayModule, nothing': [() => (dragonpayModule as Loose)(), 'settings must be an object'],
  'pgBossQueue, a URL': [() => pgBossQueue('postgres://' as never), noPgBoss],
  'pgBossQueue, misspelt': [() => pgBossQueue(boss, { retryLimt: 1 } as never), 'options must be an object'],
  'workWithPgBoss, a class': [() => workWithPgBoss(boss, Ship as never), noWorker],
  'workWithPgBoss, no boss': [() => workWithPgBoss(endpoint(), Ship as never), noPgBoss],
  'graphileQueue, a pool': [() => graphileQueue({ query() {} } as never), 'options must be an object'],
  'graphileQueue, a schema': [() => graphileQueue({ schema: 5 as never }), 'schema must be a string'],
  'graphileTasks, an endpoint': [() => graphileTasks(endpoint()), noWorker],
  'instrument, nothing': [() => (instrument as Loose)(), 'options must be an object'],
  'instrument, a provider': [() => instrument({ tracer: { getTracer() {} } as never }), 'tracer must be a Tracer'],
  'startSandbox, null': [() => startSandbox(null as never), 'options must be an object'],
  'deliver, a class': [() => deliver(Ship as never, ''), endpointIsMade],
  'deliver, a number': [() => deliver(endpoint(), 5 as never), 'callback must be an object'],
  'signCallback, no keys': [() => (signCallback as Loose)({ txnid: 'T' }), 'keys must be an object'],
  'signCallback, a key': [() => signCallback({ txnid: 'T' }, { sha1: 'a secret' as never }), 'keys.sha1 must be'],
  'signCallback, no key': [() => signCallback({ txnid: 'T' }, { sha1: {} as never }), 'keys.sha1.secretKey must be'],
  'signCallback, no PEM': [() => signCallback({ txnid: 'T' }, { rsa: { privateKey: 'x' } }), 'must be a private key'],
  'encodeCallback, nothing': [() => (encodeCallback as Loose)(), 'fields must be an object'],
  'assertExactlyOnce, no effect': [() => (assertExactlyOnce as Loose)(endpoint(), {}), 'effect must be a function'],
  'repositoryConformance, an instance': [() => repositoryConformance(memory()), 'make must be a function'],
  'repositoryConformance, a class': [() => repositoryConformance(MemoryRepository as never), 'make must be a function'],
  'adapterConformance, an adapter': [() => (adapterConformance as Loose)({}), 'serve must be a function'],
  'assertCallbackCorpus, a class': [() => assertCallbackCorpus(Ship as never), 'serve must be a function'],
};

/** A transaction of Kysely. */
function transaction(): Transaction<unknown> {
  const db = overPostgres();
  return new Transaction<unknown>({
    config: { dialect: new PostgresDialect({ pool: {} as never }) },
    dialect: new PostgresDialect({ pool: {} as never }),
    driver: new DummyDriver() as never,
    executor: db.getExecutor(),
  });
}

describe('A value of another shape', () => {
  for (const [name, [run, message]] of Object.entries(cases)) {
    it(`is refused with what it must be: ${name}`, async () => {
      const error = await Promise.resolve()
        .then(run)
        .then(
          () => 'accepted in silence',
          (thrown: unknown) => thrown,
        );
      expect(DragonpayError.is(error), String(error)).to.equal(true);
      expect((error as DragonpayError).message).to.include(message);
    });
  }
});

/** Values that throw, or that cannot be turned into a text, when they are read. */
const unreadable: Readonly<Record<string, unknown>> = {
  'a getter': {
    get limit() {
      throw new RangeError('thrown by a getter');
    },
  },
  'a proxy': new Proxy(
    {},
    {
      get() {
        throw new RangeError('thrown by a proxy');
      },
      ownKeys() {
        throw new RangeError('thrown by a proxy');
      },
      getPrototypeOf() {
        throw new RangeError('thrown by a proxy');
      },
    },
  ),
  'a revoked proxy': revokedProxy(),
  'a false date': Object.create(Date.prototype),
  'an object without toString': Object.create(null),
  'a symbol': Symbol('x'),
  'a list of symbols': [Symbol('x')],
};

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Where an odd value may be given. An object without own names is taken as one without options. */
const places: Readonly<Record<string, (value: unknown) => unknown>> = {
  'createDragonpay, merchantId': (merchantId) => receiver({ merchantId }),
  'createDragonpay, verification': (verification) => receiver({ verification }),
  'createDragonpay, limits.fields': (fields) => receiver({ limits: { fields } }),
  'endpoint, kinds': (kinds) => receiver().endpoint(Ship, { kinds }),
  'reconcile, txnids': (txnids) => receiver().reconcile({ txnids }),
  'reconcile, signal': (signal) => receiver().reconcile({ signal }),
  'keepUp, everyMilliseconds': (everyMilliseconds) => receiver().keepUp({ everyMilliseconds }),
  'correct, id': (id) => receiver().correct(id, { status: 'S' }, by),
  'correct, kind': (kind) => receiver().correct('T', { status: 'S' }, { ...by, kind }),
  'correct, status': (status) => receiver().correct('T', { status }, by),
  'correct, currency': (currency) => receiver().correct('T', { currency }, by),
  'correct of a repository, effect': (effect) => memory().correct('T', { status: 'S' }, { ...by, effect }),
  'createPayment, status': (status) => memory().createPayment({ ...payment, status }),
  'callbacks, outcome': (outcome) => memory().callbacks({ outcome }),
  'callbacks, reason': (reason) => inPostgres().callbacks({ reason }),
  'callbacks, since': (since) => memory().callbacks({ since }),
  pruneCallbacks: (before) => inPostgres().pruneCallbacks(before),
  'startSandbox, proofs': (proofs) => startSandbox({ proofs } as Loose),
};

/** Calls whose options are read by name. */
const readByName: typeof places = {
  createDragonpay: (settings) => createDragonpay(settings as Loose),
  reconcile: (options) => receiver().reconcile(options),
  keepUp: (options) => receiver().keepUp(options),
  close: (options) => receiver().close(options),
  callbacks: (filter) => memory().callbacks(filter),
  'correct, change': (change) => receiver().correct('T', change, by),
  'correct of a repository, options': (options) => memory().correct('T', { status: 'S' }, options),
  createPayment: (details) => memory().createPayment(details),
  KyselyRepository: (options) => new KyselyStore(overPostgres(), options),
  startSandbox: (options) => startSandbox(options as Loose),
};

describe('A value that cannot be read', () => {
  const check = (name: string, run: () => unknown) =>
    it(`is refused with a code: ${name}`, async () => {
      const error = await (async () => run())().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!DragonpayError.is(error)) throw error ?? new Error('accepted in silence');
      expect(error.message).not.to.contain('thrown by');
    });
  for (const [what, value] of Object.entries(unreadable)) {
    for (const [place, run] of Object.entries(places)) check(`${place}, ${what}`, () => run(value));
    if (!/getter|proxy/.test(what)) continue;
    for (const [place, run] of Object.entries(readByName)) check(`${place}, ${what}`, () => run(value));
  }
});
