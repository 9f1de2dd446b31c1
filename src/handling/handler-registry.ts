import type { HandlerClass } from '../decorators/handler-metadata.js';
import { type HandlerTable, handlerTableOf } from '../decorators/handler-table.js';
import { DragonpayError } from '../errors.js';
import type { CallbackKind } from '../protocol/kinds.js';
import type { DragonpaySettings } from '../settings/settings.js';

/** A handler class, ready to be called. */
export interface Handler {
  readonly table: HandlerTable;
  /** The instance to call. */
  readonly resolve: () => object | Promise<object>;
}

/** Which class handles what did not come to an endpoint. */
export interface HandlerOption {
  /** May be left out where all endpoints that take the kind have the same class. */
  readonly handler?: HandlerClass;
}

/** The handler classes of a receiver. */
export class Handlers {
  readonly #settings: DragonpaySettings;
  readonly #served = new Map<HandlerClass, Handler & { readonly kinds: ReadonlySet<CallbackKind> }>();

  constructor(settings: DragonpaySettings) {
    this.#settings = settings;
  }

  /** @throws DragonpayError `invalid-handler-class`, `invalid-setting` */
  of(Class: HandlerClass): Handler {
    const { resolver, queue } = this.#settings;
    const table = handlerTableOf(Class);
    if (table.queued.length > 0 && queue === undefined) {
      const message = `queue is missing: ${table.className} has methods for queues`;
      throw new DragonpayError('invalid-setting', message, { subject: 'queue' });
    }
    // Whether it is an object is seen when it is called for.
    const resolve = () => resolver?.get(Class) as object | Promise<object>;
    return { table, resolve: resolver === undefined ? onlyInstance(Class) : resolve };
  }

  /** Remembers the class of an endpoint, and the kinds that it takes. */
  serve(Class: HandlerClass, kinds: ReadonlySet<CallbackKind>): Handler {
    const handler = this.of(Class);
    this.#served.set(Class, { ...handler, kinds: new Set([...kinds, ...(this.#served.get(Class)?.kinds ?? [])]) });
    return handler;
  }

  /**
   * The class whose effects belong to news that came to no endpoint. Nobody is to guess it: effects run once.
   * @throws DragonpayError `invalid-setting`
   */
  for(kind: CallbackKind, { handler: Class }: HandlerOption): Handler {
    if (Class !== undefined) return this.#served.get(Class) ?? this.of(Class);
    const [only, ...others] = [...this.#served.values()].filter(({ kinds }) => kinds.has(kind));
    if (only !== undefined && others.length === 0) return only;
    const message = `handler is missing: ${only === undefined ? 'no endpoint takes' : 'several classes take'} ${kind}s`;
    throw new DragonpayError('invalid-setting', message, { subject: 'handler' });
  }
}

/** One instance for all callbacks, made at once: a constructor that throws is no surprise at the first callback. */
function onlyInstance(Class: HandlerClass): () => object {
  try {
    const instance = new (Class as new () => object)();
    return () => instance;
  } catch (cause) {
    const message = `${Class.name} cannot be constructed without a resolver`;
    throw new DragonpayError('invalid-handler-class', message, { subject: Class.name, cause });
  }
}
