import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import express, { type Express } from 'express';
import express4 from 'express4';
import Koa from 'koa';
import { toExpressHandler } from '../../adapters/http/express.js';
import { toKoaMiddleware } from '../../adapters/http/koa.js';
import type { Check } from '../../src/cli/doctor/check.js';
import { examineDatabase } from '../../src/cli/doctor/examine-database.js';
import { examineEndpoint } from '../../src/cli/doctor/examine-endpoint.js';
import { explainCallback } from '../../src/cli/verify/explain-callback.js';
import {
  type Callback,
  createDragonpay,
  DragonpayCallback,
  type DragonpaySettings,
  type HandlerClass,
  OnGet,
  OnPost,
  reply,
  settingsFromEnv,
} from '../../src/index.js';
import { KyselyRepository } from '../../src/kysely.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import { type Sandbox, startSandbox } from '../../src/testing.js';
import { runCli, runCommand } from '../support/cli.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { parsersOfKoa } from '../support/servers.js';

const path = '/dragonpay/callback';
const secretKey = 'hush, a secret key';

@DragonpayCallback()
class Shop {
  @OnGet()
  show() {
    return 'Please check your email';
  }
}

/** A method that ignores `valid`. */
@DragonpayCallback()
class BelievesAll {
  @OnPost()
  settle(_callback: Callback) {
    return reply.text('result=OK', { status: 200 });
  }
}

@DragonpayCallback()
class ShowsRefusals {
  @OnPost()
  settle(callback: Callback) {
    return callback.valid ? undefined : reply.html('<p>No.</p>', { status: 400 });
  }
}

@DragonpayCallback({ updateOnGet: true, allowInvalidData: false })
class Strict {}

describe('dragonpay-callback doctor', () => {
  let database: TestDatabase;
  let servers: Server[] = [];
  let sandbox: Sandbox;

  before(async () => {
    database = await createTestDatabase();
    sandbox = await startSandbox();
  });
  afterEach(() => {
    for (const server of servers) server.close().closeAllConnections();
    servers = [];
  });
  after(async () => {
    await sandbox?.close();
    await database?.destroy();
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  }

  function handler(Class: HandlerClass = Shop, settings: Partial<DragonpaySettings> = {}) {
    const dragonpay = createDragonpay({
      merchantId: 'ACME',
      environment: 'test',
      verification: { sha1: { secretKeys: [secretKey] } },
      repository: new KyselyRepository(database.db),
      hooks: { rejected: () => {}, handlerFailed: () => {}, stored: () => {} },
      ...settings,
    });
    return dragonpay.endpoint(Class);
  }

  /** Express with middleware before the handler. */
  function shop(inFront: (app: Express) => void = () => {}, endpoint = handler()): Express {
    const app = express();
    app.set('env', 'test');
    inFront(app);
    return app.all(path, toExpressHandler(endpoint));
  }

  async function examine(url: string, args: string[] = [], env: Record<string, string> = {}) {
    const { code, stdout, stderr } = await runCommand(['doctor', url, ...args, '--json'], env);
    expect(stderr).to.equal('');
    const { checks, found } = JSON.parse(stdout) as { checks: Check[]; found: number };
    const finds = findsOf(checks);
    expect({ found, code }).to.deep.equal({ found: finds.length, code: finds.length > 0 ? 1 : 0 });
    return { finds, names: finds.map(({ check }) => check), checks };
  }

  function findsOf(checks: readonly Check[]): Check[] {
    const finds = checks.filter(({ result }) => result === 'found');
    for (const { fix } of finds) expect(fix).to.be.a('string');
    return finds;
  }

  async function everyRow() {
    const counts = `select (select count(*) from dragonpay_transactions) + (select count(*) from dragonpay_payouts)
      + (select count(*) from dragonpay_callbacks) as rows, (select count(*) from dragonpay_migrations) as migrations`;
    return (await database.pool.query(counts)).rows[0];
  }

  it('finds no problem in a healthy handler, its database and its gateway, and changes nothing', async () => {
    const before = await everyRow();
    const { merchantId, apiKey, environment } = sandbox.settings;
    const url = await serve(shop(() => {}, handler(Shop, { ...sandbox.settings })));
    const env = { DATABASE_URL: database.url, DRAGONPAY_MERCHANT_ID: merchantId, DRAGONPAY_API_KEY: apiKey };
    const { finds, checks } = await examine(url, ['--gateway', environment.gateway], env);
    // A busy machine may be slow. Another test is about slow answers.
    expect(finds.filter(({ check }) => check !== 'pace')).to.deep.equal([]);
    const skippedOnes = checks.filter(({ result }) => result === 'skipped');
    expect(skippedOnes).to.deep.equal([]);
    expect(await everyRow()).to.deep.equal(before);
  });

  const koa = (type: 'form' | 'json') => {
    const app = new Koa();
    app.use(parsersOfKoa['koa-bodyparser'](type));
    const middleware = toKoaMiddleware(handler());
    app.use((context, next) => (context.path === path ? middleware(context) : next()));
    return app.callback();
  };
  const healthy: ReadonlyArray<readonly [what: string, make: () => RequestListener]> = [
    ['Express 4', () => express4().all(path, toExpressHandler(handler()))],
    ['a method that shows refusals by itself', () => shop(() => {}, handler(ShowsRefusals))],
    ['a strict handler', () => shop(() => {}, handler(Strict))],
    ['a JSON parser in front', () => shop((app) => app.use(express.json()))],
    ['Koa with a parser that leaves the text', () => koa('form')],
    [
      'a handler of payouts only',
      () => shop(() => {}, handler(Shop, { verification: undefined, payout: { sha1: { secretKeys: [secretKey] } } })),
    ],
  ];
  for (const [what, make] of healthy) {
    it(`finds no problem with ${what}`, async () => {
      expect(findsOf(await examineEndpoint(await serve(make())))).to.deep.equal([]);
    });
  }

  const trims: express.RequestHandler = (request, _response, next) => {
    for (const name of Object.keys(request.body ?? {})) request.body[name] = String(request.body[name]).trim();
    next();
  };
  const loses: express.RequestHandler = (request, _response, next) => {
    delete request.body?.refno;
    next();
  };
  const drains: express.RequestHandler = (request, _response, next) => {
    request.resume().once('end', () => next());
  };
  const isSlow: express.RequestHandler = async (_request, _response, next) => {
    await sleep(1_100);
    next();
  };

  const waits = { timeout: 5_000, slow: 1_000 };

  const broken: ReadonlyArray<
    readonly [what: string, make: () => RequestListener, names: readonly string[], said: RegExp]
  > = [
    [
      'express.urlencoded() in front',
      () => shop((app) => app.use(express.urlencoded())),
      ['parser'],
      /the handler works, but a body parser runs before it: it decodes the fields/,
    ],
    [
      'a parser and a middleware that trims',
      () => shop((app) => app.use(express.urlencoded({ extended: true }), trims)),
      ['parser'],
      /it trims the fields/,
    ],
    [
      'a middleware that loses a field',
      () => shop((app) => app.use(express.urlencoded(), loses)),
      ['handler'],
      /missing-field: a field was lost/,
    ],
    ['a reader that leaves nothing', () => shop((app) => app.use(drains)), ['parser'], /body-consumed/],
    [
      'CSRF protection in front',
      () => shop((app) => app.post(/.*/, (_request, response) => void response.status(403).send('invalid csrf token'))),
      ['csrf'],
      /CSRF protection or a firewall refuses the request before the handler \(403\)/,
    ],
    [
      'a login in front',
      () => shop((app) => app.use((_request, response) => response.redirect('/login?next=x'))),
      ['redirect'],
      /redirects to http:\/\/127\.0\.0\.1:\d+\/login, and postbacks may not follow redirects/,
    ],
    [
      'a login that asks by 401',
      () => shop((app) => app.use((_request, response) => void response.status(401).send('who?'))),
      ['login'],
      /requires a login, .* \(401\)/,
    ],
    [
      'a redirect to another path',
      () => shop((app) => app.use((_request, response) => response.redirect(301, `${path}/`))),
      ['redirect'],
      /redirects to http:\/\/127\.0\.0\.1:\d+\/dragonpay\/callback\//,
    ],
    [
      'a redirect to https',
      () => (request, response) =>
        response.writeHead(301, { location: `https://${request.headers.host}${path}` }).end(),
      ['redirect'],
      /redirects to https:\/\/127\.0\.0\.1:\d+\/dragonpay\/callback,/,
    ],
    [
      'a page of another application',
      () => (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Hello</p>'),
      ['forgery', 'type', 'methods'],
      /the reply to a postback is text\/html/,
    ],
    [
      'a server that says OK to everything',
      () => (_request, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('result=OK'),
      ['forgery', 'forgery'],
      /A FORGED CALLBACK IS ACCEPTED: 200 result=OK/,
    ],
    [
      'a method that never looks at valid',
      () => shop(() => {}, handler(BelievesAll)),
      ['forgery'],
      /A FORGED CALLBACK IS ACCEPTED: 200 result=OK/,
    ],
    [
      'a handler that is mounted for POST only',
      () => express().set('env', 'test').post(path, toExpressHandler(handler())),
      ['methods'],
      /the handler does not answer HEAD 404, GET 404/,
    ],
    ['no handler at this URL', () => express().set('env', 'test'), ['mount'], /nothing accepts a POST at this URL/],
    [
      'a GET only',
      () => express().set('env', 'test').get(path, toExpressHandler(handler())),
      ['mount'],
      /nothing accepts a POST at this URL/,
    ],
    ['a slow middleware', () => shop((app) => app.use(isSlow)), ['pace'], /the reply to a forged callback took \d+ ms/],
    [
      'a clock that is late',
      () =>
        shop((app) =>
          app.use((_request, response, next) => {
            response.setHeader('Date', new Date(Date.now() - 300_000).toUTCString());
            next();
          }),
        ),
      ['clock'],
      /the clock of the server is 30\d s behind/,
    ],
    [
      'an address that may not post',
      () => shop(() => {}, handler(Shop, { allowFrom: ['192.0.2.0/24'] })),
      ['handler'],
      /address-not-allowed/,
    ],
    [
      'a handler that cannot fetch keys',
      () =>
        shop(
          () => {},
          handler(Shop, { environment: { gateway: 'http://127.0.0.1:9' }, apiKey: 'k', verification: { rsa: {} } }),
        ),
      ['handler'],
      /keys-unavailable: it cannot fetch/,
    ],
    [
      'an application that throws',
      () =>
        shop((app) =>
          app.use(() => {
            throw new Error('out of order');
          }),
        ),
      ['server', 'methods'],
      /the server fails \(500\)/,
    ],
    [
      'a rate limiter',
      () => shop((app) => app.post(/.*/, (_request, response) => void response.status(429).end())),
      ['rate'],
      /a rate limiter refuses the request/,
    ],
  ];
  for (const [what, make, names, said] of broken) {
    it(`finds ${what}`, async () => {
      const before = await everyRow();
      const finds = findsOf(await examineEndpoint(await serve(make()), waits));
      expect(
        finds.map(({ check }) => check),
        JSON.stringify(finds),
      ).to.deep.equal(names);
      expect(finds.map(({ what }) => what).join('\n')).to.match(said);
      expect(await everyRow()).to.deep.equal(before);
    });
  }

  it('tells a server that never answers from a closed port', async () => {
    const [silent] = findsOf(await examineEndpoint(await serve(() => {}), { ...waits, timeout: 500 }));
    expect(silent).to.include({ check: 'reach' });
    expect(silent?.fix).to.include('the server accepts requests and does not answer');
    const [closed] = findsOf(await examineEndpoint('http://127.0.0.1:9/callback', waits));
    expect(closed?.fix).to.include('start the server');
  });

  it('finds a server that closes the connection on a faulty form', async () => {
    const url = await serve(async (request: IncomingMessage, response) => {
      let body = '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      if (body.includes('%f1')) response.destroy();
      else response.writeHead(400, { 'content-type': 'text/plain' }).end('error=proof-mismatch');
    });
    const finds = findsOf(await examineEndpoint(url));
    expect(finds.find(({ check }) => check === 'parser')?.what).to.match(/^a faulty form gets no reply: /);
  });

  it('prints its checks by section, with a fix for each problem and a summary', async () => {
    const { code, stdout, stderr } = await runCli(['doctor', await serve(shop((app) => app.use(drains)))]);
    expect({ code, stderr }).to.deep.equal({ code: 1, stderr: '' });
    expect(stdout).to.match(
      /^ {2}PROBLEM {2}parser {6}the handler answers body-consumed: .+\n {23}fix: mount the handler before/m,
    );
    const sections = stdout.split('\n\n').map((section) => section.split('\n', 1)[0]);
    expect(sections).to.deep.equal(['Handler', 'Database', 'Settings and keys', '1 problem found: parser.']);
  });

  it('sends no callback with a proof that holds', async () => {
    const bodies: string[] = [];
    const url = await serve(async (request: IncomingMessage, response) => {
      let body = request.url?.split('?')[1] ?? '';
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
      bodies.push(body);
      response.writeHead(400, { 'content-type': 'text/plain' }).end('error=proof-mismatch');
    });
    const env = {
      DRAGONPAY_MERCHANT_ID: 'ACME',
      DRAGONPAY_ENVIRONMENT: 'test',
      DRAGONPAY_SECRET_KEYS: JSON.stringify([secretKey]),
    };
    await examine(url, [], env);
    const settings = resolveSettings(settingsFromEnv(env));
    const forms = bodies.filter((body) => body !== '');
    expect(forms.length).to.be.greaterThan(3);
    for (const form of forms) {
      expect(new URLSearchParams(form).get('txnid')).to.match(/^doctor-[0-9a-f]{24}$/);
      expect((await explainCallback({ form, method: 'POST' }, settings)).outcome).to.equal('invalid');
    }
  });

  describe('at the database', () => {
    let own: TestDatabase;
    const nowhere = 'http://127.0.0.1:9/callback';
    beforeEach(async () => {
      own = await createTestDatabase();
    });
    afterEach(() => own.destroy());

    async function findsAt(url = own.url) {
      return findsOf(await examineDatabase(url, {})).map(({ check, what }) => `${check}: ${what}`);
    }

    for (const [what, statements, said] of [
      ['a table that is missing', 'drop table dragonpay_payouts', ['tables: missing: "dragonpay_payouts"']],
      [
        'a column that is missing',
        'alter table dragonpay_transactions drop column procid',
        ['tables: "dragonpay_transactions" lacks the columns procid'],
      ],
      [
        'an index that is missing',
        'drop index dragonpay_callbacks_review',
        ['indexes: missing or not valid: dragonpay_callbacks_review'],
      ],
      [
        'an index that is not valid',
        `update pg_index set indisvalid = false where indexrelid = 'dragonpay_transactions_open'::regclass`,
        ['indexes: missing or not valid: dragonpay_transactions_open'],
      ],
      [
        'a primary key that is missing',
        'alter table dragonpay_payouts drop constraint dragonpay_payouts_pkey',
        ['indexes: missing or not valid: the primary key of dragonpay_payouts (merchant_txn_id)'],
      ],
      [
        'a migration that was not run',
        `delete from dragonpay_migrations where name like '0002%'`,
        ['migrations: not run: 0002_inquiries_and_corrections'],
      ],
    ] as const) {
      it(`finds ${what}`, async () => {
        await own.pool.query(statements);
        expect(await findsAt()).to.deep.equal(said);
      });
    }

    it('finds a user who may not write, a read-only database, and another isolation level', async () => {
      const name = new URL(own.url).pathname.slice(1);
      const reader = `reader_${name}`;
      await own.pool.query(
        `create role ${reader} login password 'hush'; grant select on all tables in schema public to ${reader}`,
      );
      const url = Object.assign(new URL(own.url), { username: reader, password: 'hush' }).href;
      try {
        const said = await findsAt(url);
        expect(said).to.include('privileges: this user may not read and write "dragonpay_transactions"');
        await own.pool.query(`alter role ${reader} set default_transaction_read_only = on`);
        await own.pool.query(`alter role ${reader} set default_transaction_isolation = 'serializable'`);
        await own.pool.query(`alter role ${reader} set synchronous_commit = off`);
        const more = await findsAt(url);
        expect(more).to.include.members([
          'writable: the database is read-only',
          'isolation: transactions are serializable',
          'durability: synchronous_commit is off',
        ]);
      } finally {
        await own.pool.query(`drop owned by ${reader}; drop role ${reader}`);
      }
    });

    it('accepts tables with other names that were created without the Migrator', async () => {
      const { stdout } = await runCommand([
        'migrate',
        'up',
        '--print',
        '--schema',
        'pay',
        '--transactions',
        'incoming',
      ]);
      await own.pool.query(`drop table dragonpay_migrations; ${stdout}`);
      const args = ['--database', own.url, '--schema', 'pay', '--transactions', 'incoming'];
      const { names } = await examine(nowhere, args);
      expect(names).to.deep.equal(['reach']);
    });

    it('reports a database that cannot be reached, without the password', async () => {
      const url = Object.assign(new URL(own.url), { port: '9', password: 'hush' }).href;
      const said = await findsAt(url);
      expect(said).to.have.lengthOf(1);
      expect(said[0])
        .to.match(/^database: the database fails: .*ECONNREFUSED/)
        .and.not.include('hush');
    });
  });

  describe('at the gateway', () => {
    const nowhere = 'http://127.0.0.1:9/callback';
    const env = { DRAGONPAY_MERCHANT_ID: 'SANDBOX', DRAGONPAY_API_KEY: 'hush' };

    async function examineKeys(gateway: string, variables: Record<string, string> = env) {
      const { finds } = await examine(nowhere, ['--gateway', gateway], variables);
      return finds.filter(({ check }) => check !== 'reach').map(({ check, what }) => `${check}: ${what}`);
    }

    it('finds a keys endpoint that cannot be reached, refuses, fails, or lists no key', async () => {
      const unreachable = await examineKeys('http://127.0.0.1:9');
      expect(unreachable[0]).to.match(/^keys: the keys endpoint of http:\/\/127\.0\.0\.1:9 cannot be reached: /);
      const refused = await examineKeys(sandbox.url);
      expect(refused[0]).to.match(/^keys: .* refuses the merchant id or the API key \(401\)$/);
      for (const [status, text, said] of [
        [500, '', / answers 500$/],
        [200, '[]', / gives no usable key: .+ lists no usable key with the status Active$/],
        [200, 'what?', / gives no usable key: .+ was not understood: it is not JSON$/],
      ] as const) {
        const url = await serve((_, response) => response.writeHead(status).end(text));
        expect((await examineKeys(new URL(url).origin))[0]).to.match(said);
      }
      expect(unreachable.concat(refused).join()).not.to.include('hush');
    });

    it('finds missing variables', async () => {
      const said = await examineKeys(sandbox.url, { DRAGONPAY_API_KEY: 'hush' });
      expect(said).to.deep.equal(['settings: DRAGONPAY_MERCHANT_ID is required']);
    });
  });
});
