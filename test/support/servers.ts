import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { parse } from 'node:querystring';
import formbody from '@fastify/formbody';
import { type HttpBindings, serve as serveHono } from '@hono/node-server';
import { getConnInfo } from '@hono/node-server/conninfo';
import { bodyParser } from '@koa/bodyparser';
import express, { type RequestHandler } from 'express';
import express4, { type RequestHandler as RequestHandler4 } from 'express4';
import fastify, { type FastifyPluginCallback } from 'fastify';
import { type Context, Hono } from 'hono';
import Koa, { type Middleware } from 'koa';
import Koa2, { type Middleware as Middleware2 } from 'koa2';
import { toExpressHandler } from '../../adapters/http/express.js';
import { dragonpayFastify } from '../../adapters/http/fastify.js';
import { toFetchHandler } from '../../adapters/http/fetch.js';
import { toKoaMiddleware } from '../../adapters/http/koa.js';
import { toLambdaHandler } from '../../adapters/http/lambda.js';
import { toNodeListener } from '../../adapters/http/node.js';
import type { CallbackEndpoint } from '../../src/index.js';
import type { AdapterServer, AdapterSetup, CorpusOptions, HostLimit, LeftOfBody } from '../../src/testing.js';
import { corpusOfLambda, type LambdaSource, lambdaGateway, lambdaSources } from './lambda-gateway.js';
import { type NestPlatform, nestPlatforms, nestVersions, platformOf } from './nest.js';

const path = '/dragonpay/callback';

/** Code in front of an adapter, such as a middleware that bounds the time of a request. */
export type InFront = (request: IncomingMessage, response: ServerResponse) => void;

/** Serves an endpoint for {@link adapterConformance}, and for attacks with code in front. */
export type Serve = (endpoint: CallbackEndpoint, setup: AdapterSetup, inFront?: InFront) => Promise<AdapterServer>;

export function listen(listener: RequestListener, inFront?: InFront): Promise<AdapterServer> {
  const server = createServer(listener);
  if (inFront !== undefined) server.prependListener('request', inFront);
  return opened(server);
}

async function opened(server: Server, limits: readonly HostLimit[] = []): Promise<AdapterServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    limits,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const isForm = ({ headers }: IncomingMessage) =>
  /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '');

/** `node:http`. Its form parser imitates serverless hosts, which read the body and set `request.body`. */
export const serveNode: Serve = (endpoint, setup, inFront) => {
  const listener = toNodeListener(endpoint);
  return listen(async (request, response) => {
    if (setup === 'consumed') await readAll(request);
    if (setup === 'form-parser' && isForm(request)) {
      try {
        Object.assign(request, { body: parse((await readAll(request)).toString()) });
      } catch {
        response.destroy();
        return;
      }
    }
    await listener(request, response);
  }, inFront);
};

const form = 'application/x-www-form-urlencoded';

/** Common body parsers of Express 4. */
export const parsersOfExpress4 = {
  'express.urlencoded, extended': [express4.urlencoded({ extended: true })],
  'express.urlencoded, simple': [express4.urlencoded({ extended: false }), express4.json()],
  'express.raw': [express4.raw({ type: form })],
} satisfies Record<string, RequestHandler4[]>;

/** Express 4 with these form parsers. `env` keeps it from printing errors. */
export function serveExpress4(parsers: RequestHandler4[]): Serve {
  return (endpoint, setup, inFront) => {
    const app = express4().disable('x-powered-by').set('env', 'test');
    if (setup === 'form-parser') app.use(parsers);
    if (setup === 'json-parser') app.use(express4.json());
    if (setup === 'consumed') app.use((request, _response, next) => void readAll(request).then(() => next(), next));
    const handler = toExpressHandler(endpoint);
    if (setup === 'mounted') app.use('/dragonpay', express4.Router().all('/callback', handler));
    else app.all(path, handler);
    return listen(app, inFront);
  };
}

/** Common body parsers of Express 5. */
export const parsersOfExpress5 = {
  'express.urlencoded, extended': [express.urlencoded({ extended: true })],
  'express.urlencoded, simple': [express.urlencoded(), express.json()],
  'express.urlencoded that keeps the raw body': [
    express.urlencoded({ verify: (request, _response, rawBody) => void Object.assign(request, { rawBody }) }),
  ],
  'express.raw': [express.raw({ type: form })],
  'express.text': [express.text({ type: form })],
} satisfies Record<string, RequestHandler[]>;

/** Express 5 with these form parsers. `env` keeps it from printing errors. */
export function serveExpress5(parsers: RequestHandler[]): Serve {
  return (endpoint, setup, inFront) => {
    const app = express().disable('x-powered-by').set('env', 'test');
    if (setup === 'form-parser') app.use(parsers);
    if (setup === 'json-parser') app.use(express.json());
    if (setup === 'consumed') app.use((request, _response, next) => void readAll(request).then(() => next(), next));
    const handler = toExpressHandler(endpoint);
    if (setup === 'mounted') app.use('/dragonpay', express.Router().all('/callback', handler));
    else app.all(path, handler);
    return listen(app, inFront);
  };
}

// The package has no types.
const koaBodyparser: (options?: { enableTypes?: string[] }) => Middleware & Middleware2 = createRequire(
  import.meta.url,
)('koa-bodyparser');

/** Common body parsers of Koa, each for one type of body. */
export const parsersOfKoa = {
  'koa-bodyparser': (type: 'form' | 'json') => koaBodyparser({ enableTypes: [type] }),
  '@koa/bodyparser': (type: 'form' | 'json') =>
    bodyParser({ enableTypes: [type] }) as unknown as Middleware & Middleware2,
};

type KoaParser = (typeof parsersOfKoa)['koa-bodyparser'];

/** Koa 2 or 3 with this form parser. */
export function serveKoa(version: 2 | 3, parser: KoaParser): Serve {
  return (endpoint, setup, inFront) => {
    const app = (version === 2 ? new Koa2() : new Koa()) as Koa;
    // Koa would print an error for each client that disconnects.
    app.silent = true;
    if (setup === 'form-parser') app.use(parser('form'));
    if (setup === 'json-parser') app.use(parser('json'));
    if (setup === 'consumed') {
      app.use(async (context, next) => {
        await readAll(context.req);
        await next();
      });
    }
    if (setup === 'mounted') {
      app.use((context, next) => {
        context.url = context.url.replace('/dragonpay', '');
        return next();
      });
    }
    const callback = toKoaMiddleware(endpoint);
    const mounted = setup === 'mounted' ? '/callback' : path;
    app.use((context, next) => (context.path === mounted ? callback(context) : next()));
    return listen(app.callback(), inFront);
  };
}

/** Common parsers of forms of Fastify 5. */
export const parsersOfFastify = {
  '@fastify/formbody': formbody,
  'a parser of its own': (app, _options, done) => {
    app.addContentTypeParser(form, { parseAs: 'string' }, (_request, text, parsed) => parsed(null, parse(`${text}`)));
    done();
  },
} satisfies Record<string, FastifyPluginCallback>;

/** Fastify 5 with this parser of forms. It parses JSON by itself. */
export function serveFastify(parser: FastifyPluginCallback): Serve {
  return async (endpoint, setup, inFront) => {
    // A gateway in front of the server would rewrite the URL like this.
    const rewriteUrl = ({ url = '' }: { url?: string | undefined }) => url.replace('/dragonpay', '/shop');
    const app = fastify({ forceCloseConnections: true, ...(setup === 'mounted' && { rewriteUrl }) });
    if (inFront !== undefined) app.server.prependListener('request', inFront);
    if (setup === 'form-parser') await app.register(parser);
    if (setup === 'consumed') app.addHook('onRequest', async ({ raw }) => void (await readAll(raw)));
    if (setup === 'mounted') await app.register(dragonpayFastify, { prefix: '/shop', url: '/callback', endpoint });
    else await app.register(dragonpayFastify, { url: path, endpoint });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    // Fastify answers TRACE itself, unless the application adds the method.
    return { url, limits: ['trace'], close: () => app.close() };
  };
}

/** Hono on Node. */
export const serveFetch: Serve = (endpoint, setup, inFront) => {
  const app = new Hono<{ Bindings: HttpBindings }>();
  const callback = toFetchHandler(endpoint, {
    address: (_request, context: Context<{ Bindings: HttpBindings }>) => getConnInfo(context).remote.address,
  });
  if (setup === 'consumed') {
    app.use(async (context, next) => {
      await context.req.raw.text();
      await next();
    });
  }
  const mounted = setup === 'mounted' ? new Hono<{ Bindings: HttpBindings }>() : app;
  mounted.all(setup === 'mounted' ? '/callback' : path, (context) => callback(context.req.raw, context));
  if (setup === 'mounted') app.route('/dragonpay', mounted);
  return new Promise((resolve) => {
    const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
      if (inFront !== undefined) (server as Server).prependListener('request', inFront);
      resolve({
        url: `http://127.0.0.1:${port}`,
        limits: ['head-length'],
        close: async () => {
          (server as Server).closeAllConnections();
          await new Promise((closed) => server.close(closed));
        },
      });
    });
  });
};

/** NestJS, with its own parsers. `mounted` is a global prefix, raw bodies, and a guard that refuses all requests. */
export function serveNest(version: keyof typeof nestVersions, platform: NestPlatform): Serve {
  return async (endpoint, setup, inFront) => {
    const nest = await nestVersions[version]();
    const { DRAGONPAY, DragonpayModule } = nest.adapter;
    const settings = { merchantId: 'CONFORMANCE', environment: 'test' } as const;
    const made = nest.testing.Test.createTestingModule({
      imports: [DragonpayModule.forRoot({ path, handler: class {}, settings: { ...settings, resolver: new Map() } })],
    });
    made.overrideProvider(DRAGONPAY).useValue({ endpoint: () => endpoint, close: async () => true });
    const isMounted = setup === 'mounted';
    const options = { logger: false, forceCloseConnections: true, rawBody: isMounted } as const;
    const app = (await made.compile()).createNestApplication(platformOf(nest, platform), options);
    if (inFront !== undefined) app.getHttpServer().prependListener('request', inFront);
    if (isMounted) app.setGlobalPrefix('dragonpay').useGlobalGuards({ canActivate: () => false });
    await app.listen(0, '127.0.0.1');
    return { url: await app.getUrl(), close: () => app.close() };
  };
}

/** A function of AWS Lambda behind an imitation of AWS. */
export function serveLambda(source: LambdaSource): Serve {
  const limits: HostLimit[] = source === 'rest' ? ['whole-body', 'text-body', 'query-escapes'] : ['whole-body'];
  return (endpoint, _setup, inFront) => {
    const server = lambdaGateway(source, toLambdaHandler(endpoint));
    if (inFront !== undefined) server.prependListener('request', inFront);
    return opened(server, limits);
  };
}

/** A server of an adapter under test. */
export interface AdapterVariant {
  readonly name: string;
  readonly serve: Serve;
  readonly setups?: readonly AdapterSetup[];
  /** The cases of the corpus that have another verdict here. */
  readonly corpus?: CorpusOptions;
}

/** One variant for each parser. Setups without a parser of forms run for the first variant only. */
function variants<Parser>(framework: string, parsers: Record<string, Parser>, serve: (parser: Parser) => Serve) {
  return Object.entries(parsers).map(
    ([parser, made], index): AdapterVariant => ({
      name: `${framework} and ${parser}`,
      serve: serve(made),
      ...(index > 0 && { setups: ['form-parser'] }),
    }),
  );
}

/** Every adapter on every server and parser: `adapterConformance` runs against each. */
export const adapterServers: readonly AdapterVariant[] = [
  { name: 'node:http', serve: serveNode, setups: ['plain', 'form-parser', 'consumed'] },
  ...variants('Express 4', parsersOfExpress4, serveExpress4),
  ...variants('Express 5', parsersOfExpress5, serveExpress5),
  ...variants('Fastify 5', parsersOfFastify, serveFastify),
  ...variants('Koa 2', parsersOfKoa, (parser) => serveKoa(2, parser)),
  ...variants('Koa 3', parsersOfKoa, (parser) => serveKoa(3, parser)),
  ...Object.keys(nestVersions).flatMap((version) =>
    nestPlatforms.map(
      (platform): AdapterVariant => ({
        name: `${version} and ${platform}`,
        serve: serveNest(version as keyof typeof nestVersions, platform),
        setups: ['plain', 'mounted'],
      }),
    ),
  ),
  { name: 'Hono', serve: serveFetch, setups: ['plain', 'consumed', 'mounted'] },
  ...lambdaSources.map(
    (source): AdapterVariant => ({
      name: `Lambda, ${source}`,
      serve: serveLambda(source),
      setups: ['plain'],
      corpus: corpusOfLambda(source),
    }),
  ),
];

/** The servers of a variant for {@link assertCallbackCorpus}: without code in front, and behind its parser. */
export function doorsOf({ name, serve, setups = ['plain', 'form-parser'], corpus = {} }: AdapterVariant) {
  const [framework = name, parser = 'a parser'] = name.split(' and ');
  const isFastify = framework.startsWith('Fastify');
  const leaves: LeftOfBody = /raw/.test(name) ? 'bytes' : /koa|text/i.test(name) ? 'text' : 'fields';
  const differences = { ...corpus.differences, ...(isFastify && ofFastify) };
  const door = (title: string, setup: AdapterSetup, options: CorpusOptions) => ({
    name: title,
    serve: (endpoint: CallbackEndpoint) => serve(endpoint, setup),
    options: { ...options, differences },
  });
  return [
    ...(setups.includes('plain') ? [door(framework.startsWith('Nest') ? name : framework, 'plain', corpus)] : []),
    // The plugin of Fastify reads the body whatever parser the application has.
    ...(setups.includes('form-parser')
      ? [door(`${framework} behind ${parser}`, 'form-parser', isFastify ? {} : { leaves })]
      : []),
  ];
}

type Differences = NonNullable<CorpusOptions['differences']>;

const ofFastify: Differences = {
  'methods: PROPFIND': {
    verdict: 'not-reached',
    reply: 'refused',
    because: 'Fastify answers methods itself that the application has not added.',
  },
};
