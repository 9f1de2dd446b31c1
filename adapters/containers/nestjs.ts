import {
  type DynamicModule,
  type FactoryProvider,
  type InjectionToken,
  type ModuleMetadata,
  type Provider,
  Scope,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import {
  type CallbackEndpoint,
  createDragonpay,
  type Dragonpay,
  DragonpayError,
  type DragonpaySettings,
  type EndpointOptions,
  type HandlerClass,
  type Resolver,
} from '../../src/index.js';
import { assertMethods } from '../assert-given.js';
import {
  type IncomingMessageLike,
  type ParsedBody,
  type ServerResponseLike,
  serve,
  toCallbackRequest,
} from '../http/incoming-message.js';

/** The token of the {@link Dragonpay} receiver: `@Inject(DRAGONPAY) dragonpay: Dragonpay`, in any module. */
export const DRAGONPAY = Symbol.for('dragonpay-callback.Dragonpay');

/** One URL, and the class that handles its callbacks. */
export interface NestEndpoint extends EndpointOptions {
  /** The whole path of the URL. A global prefix and versions are not added to it. */
  readonly path: string;
  /** The handler class, which must be a provider of some module. */
  readonly handler: HandlerClass;
}

/** The options of {@link DragonpayModule}: the settings, and one endpoint or several. */
export type DragonpayModuleOptions = {
  /** The settings of the receiver. Handlers come from Nest, unless `resolver` is set. */
  readonly settings: DragonpaySettings;
} & (
  | (NestEndpoint & { readonly endpoints?: undefined })
  | { readonly endpoints: readonly NestEndpoint[]; readonly path?: undefined; readonly handler?: undefined }
);

/** The token of the receiver, for an app with several. Default: {@link DRAGONPAY}. */
export interface ReceiverToken {
  readonly token?: InjectionToken;
}

/** How to make the options from providers of `imports`, which `inject` names. */
export type DragonpayModuleAsyncOptions = Pick<ModuleMetadata, 'imports'> &
  Pick<FactoryProvider<DragonpayModuleOptions>, 'inject' | 'useFactory'>;

/**
 * The module for NestJS 11 and 12, on Express and Fastify. It serves callbacks in front of body parsers, guards, pipes
 * and interceptors. Handler classes are providers: Nest constructs them with what they inject. When the app closes, new
 * callbacks are answered 503, and those under way are waited for.
 *
 * Each handler must be a provider of a module, and must not be in request scope: otherwise the app does not start
 * (`invalid-handler-class`). A malformed setting stops it, too (`invalid-setting`).
 *
 * @example
 * @Module({
 *   imports: [DragonpayModule.forRoot({ path: '/dragonpay/callback', handler: CheckoutCallback, settings })],
 *   providers: [CheckoutCallback],
 * })
 * class AppModule {}
 */
// biome-ignore lint/complexity/noStaticOnlyClass: Nest identifies modules by their classes
export class DragonpayModule {
  static forRoot(options: DragonpayModuleOptions & ReceiverToken): DynamicModule {
    return moduleWith({ provide: moduleOptions, useValue: checked(options) }, [], options.token);
  }

  static forRootAsync(options: DragonpayModuleAsyncOptions & ReceiverToken): DynamicModule {
    assertMethods(options, ['useFactory'], 'options', 'must have the function useFactory');
    const { imports = [], inject = [], useFactory, token } = options;
    const make = async (...injected: unknown[]) => checked(await useFactory(...injected));
    return moduleWith({ provide: moduleOptions, inject, useFactory: make }, imports, token);
  }
}

const moduleOptions = Symbol('dragonpay-callback.ModuleOptions');
const callbackServer = Symbol('dragonpay-callback.CallbackServer');

/**
 * Exports the receiver to all modules. It is a module of its own because Nest closes global modules last: the receiver
 * must be closed before the modules that it imports, since one of them may end the database pool.
 */
class DragonpayReceiverModule {}

function moduleWith(
  options: Provider,
  imports: NonNullable<ModuleMetadata['imports']>,
  token: InjectionToken = DRAGONPAY,
): DynamicModule {
  const receiver: Provider = {
    provide: token,
    inject: [moduleOptions, ModuleRef],
    useFactory: ({ settings }: DragonpayModuleOptions, modules: ModuleRef) =>
      createDragonpay({ ...settings, resolver: settings.resolver ?? resolverOf(modules) }),
  };
  const server: Provider = {
    provide: callbackServer,
    inject: [moduleOptions, token, HttpAdapterHost, ModuleRef],
    useFactory: startServer,
  };
  const exported = { global: true, exports: [moduleOptions, token] };
  return {
    module: DragonpayModule,
    imports: [{ module: DragonpayReceiverModule, ...exported, imports, providers: [options, receiver] }],
    providers: [server],
  };
}

/** @throws DragonpayError `invalid-setting` for options without settings, and for endpoints that are not a list */
function checked(options: DragonpayModuleOptions): DragonpayModuleOptions {
  const { settings, endpoints = [] } = options ?? {};
  if (typeof settings !== 'object' || settings === null) throw invalid('settings', 'must be an object in the options');
  if (!Array.isArray(endpoints)) throw invalid('endpoints', 'must be a list of { path, handler }');
  return options;
}

/** Mounts the endpoints. Returns what Nest calls when the app starts and ends. */
function startServer(
  options: DragonpayModuleOptions & ReceiverToken,
  dragonpay: Dragonpay,
  host: HttpAdapterHost,
  modules: ModuleRef,
) {
  const { settings, token: _, endpoints: several, ...one } = options;
  const endpoints = several ?? [one as NestEndpoint];
  const mounted = new Map<string, CallbackEndpoint>();
  for (const { path, handler, ...endpointOptions } of endpoints) {
    if (typeof path !== 'string' || !/^\/[^?#]*$/.test(path))
      throw invalid('path', 'must begin with / and must not contain a query');
    if (mounted.has(path)) throw invalid('path', 'must not be the same for two endpoints');
    mounted.set(path, dragonpay.endpoint(handler, endpointOptions));
  }
  // In a test, the adapter exists only after the providers. A context without a server has no adapter.
  host.init$.subscribe(() => host.httpAdapter?.use(middlewareOf(mounted)));
  return {
    onModuleInit() {
      if (settings.resolver !== undefined) return;
      for (const { handler } of endpoints) scopeOf(handler, modules);
    },
    onModuleDestroy: () => dragonpay.close(),
  };
}

/** The part of the platform's request that is used. In Fastify, this is Node's request. */
interface PlatformRequest extends IncomingMessageLike, ParsedBody {
  readonly originalUrl?: string;
}

function middlewareOf(endpoints: ReadonlyMap<string, CallbackEndpoint>) {
  return (request: PlatformRequest, response: ServerResponseLike, next: () => void): unknown => {
    const { url = '', originalUrl = url } = request;
    const endpoint = endpoints.get(pathOf(url));
    if (endpoint === undefined) return next();
    return serve(endpoint, request, response, () => toCallbackRequest(request, originalUrl, [request], request));
  };
}

/** The path of a target, which may be a whole URL. */
function pathOf(target: string): string {
  return target.replace(/^[a-z]+:\/\/[^/?#]*|[?#].*$/gi, '');
}

function resolverOf(modules: ModuleRef): Resolver {
  return {
    get: (Class) =>
      scopeOf(Class, modules) === Scope.TRANSIENT
        ? modules.resolve(Class, undefined, { strict: false })
        : modules.get(Class, { strict: false }),
  };
}

/** @throws DragonpayError `invalid-handler-class` if Nest cannot make an instance without a request */
function scopeOf(Class: HandlerClass, modules: ModuleRef): Scope {
  let scope: Scope;
  try {
    ({ scope } = modules.introspect(Class as Type));
  } catch (cause) {
    throw invalidHandler(Class, 'must be in the providers of a module', { cause });
  }
  if (scope === Scope.REQUEST) {
    const why = 'a callback can be handled without a request, as by reconcile()';
    throw invalidHandler(
      Class,
      `must not be in request scope, and must not inject a provider in request scope: ${why}`,
    );
  }
  return scope;
}

function invalidHandler({ name }: HandlerClass, problem: string, options: ErrorOptions = {}): DragonpayError {
  return new DragonpayError('invalid-handler-class', `${name} ${problem}`, { ...options, subject: name });
}

function invalid(subject: string, problem: string): DragonpayError {
  return new DragonpayError('invalid-setting', `${subject} ${problem}`, { subject });
}
