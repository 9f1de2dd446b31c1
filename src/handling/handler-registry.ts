import type { HandlerClass } from '../decorators/handler-metadata.js';
import { type HandlerTable, handlerTableOf } from '../decorators/handler-table.js';
import { DragonpayError, invalidSetting } from '../errors.js';
import { describeError } from '../observability/describe-error.js';
import type { CallbackKind } from '../protocol/kinds.js';
import type { DragonpaySettings } from '../settings/settings.js';

/** A handler class whose methods can be called. */
export interface Handler {
  readonly table: HandlerTable;
  /** The instance for all callbacks, if there is no resolver. */
  readonly instance: object | undefined;
  /** Gets the instance for one callback. `HandlerCall` checks it. */
  readonly resolve: () => unknown;
}

/** Selects the handler class for callbacks that did not come from a request. */
export interface HandlerOption {
  /** May be left out if all endpoints that accept the kind have the same class. */
  readonly handler?: HandlerClass;
}

type RegistrySettings = Pick<DragonpaySettings, 'resolver' | 'queue' | 'repository' | 'saveData'>;

/** The handler classes of a receiver. */
export class HandlerRegistry {
  readonly #settings: RegistrySettings;
  readonly #registered = new Map<HandlerClass, Handler & { readonly kinds: ReadonlySet<CallbackKind> }>();

  constructor(settings: RegistrySettings) {
    this.#settings = settings;
  }

  /** @throws DragonpayError `invalid-handler-class`, `invalid-setting` */
  create(Class: HandlerClass): Handler {
    const { resolver, queue } = this.#settings;
    const table = handlerTableOf(Class);
    if (table.queued.length > 0 && queue === undefined) {
      throw invalidSetting('queue', `is missing: ${table.className} has methods for queues`);
    }
    const instance = resolver === undefined ? construct(Class) : undefined;
    return { table, instance, resolve: () => instance ?? resolver?.get(Class) };
  }

  /**
   * Creates the handler of an endpoint, and registers it for the kinds that the endpoint accepts.
   * @throws DragonpayError `invalid-handler-class`, `invalid-setting`
   */
  register(Class: HandlerClass, kinds: ReadonlySet<CallbackKind>): Handler {
    const handler = this.create(Class);
    this.#assertUseful(handler.table);
    this.#assertResolvable(Class);
    const earlier = this.#registered.get(Class)?.kinds ?? [];
    this.#registered.set(Class, { ...handler, kinds: new Set([...kinds, ...earlier]) });
    return handler;
  }

  /** Asks the resolver at start, so that no callback fails later. */
  #assertResolvable(Class: HandlerClass): void {
    try {
      this.#settings.resolver?.check?.(Class);
    } catch (cause) {
      const [reason] = describeError(cause).message.split('\\u000a');
      const message = `the resolver cannot make ${Class.name}: ${reason}`;
      throw new DragonpayError('invalid-handler-class', message, { subject: Class.name, cause });
    }
  }

  /** Refuses a class whose methods could never be called: the callback would be answered with OK, and be lost. */
  #assertUseful({ className, get, post, dispatch, status, queued }: HandlerTable): void {
    const { repository, saveData } = this.#settings;
    if (repository !== undefined && saveData !== false) return;
    if (status.payment.size + status.payout.size + queued.length > 0) {
      const why = `${className} has @OnStatus methods, which are called only when a callback is stored`;
      throw repository === undefined
        ? invalidSetting('repository', `is required: ${why}`)
        : invalidSetting('saveData', `must not be false: ${why}`);
    }
    if ((get ?? post ?? dispatch) === undefined) {
      const message = `${className} has no decorated method, and nothing is stored: add a method, or set repository`;
      throw new DragonpayError('invalid-handler-class', message, { subject: className });
    }
  }

  /**
   * Finds the handler class when there is no request. Throws if several classes accept the kind, because effects run
   * only once.
   * @throws DragonpayError `invalid-setting`
   */
  find(kind: CallbackKind, { handler: Class }: HandlerOption): Handler {
    if (Class !== undefined) return this.#registered.get(Class) ?? this.create(Class);
    const [only, ...others] = [...this.#registered.values()].filter(({ kinds }) => kinds.has(kind));
    if (only !== undefined && others.length === 0) return only;
    const reason = only === undefined ? 'no endpoint accepts' : 'several classes accept';
    throw invalidSetting('handler', `is missing: ${reason} ${kind}s`);
  }
}

/** Called when the endpoint is made, so that a constructor that throws is noticed at start. */
function construct(Class: HandlerClass): object {
  if (Class.length > 0) {
    const message =
      `${Class.name} has a constructor with parameters, and nothing supplies them: set resolver, or give each parameter ` +
      'a default value';
    throw new DragonpayError('invalid-handler-class', message, { subject: Class.name });
  }
  try {
    return new (Class as new () => object)();
  } catch (cause) {
    const message = `${Class.name} cannot be constructed without a resolver`;
    throw new DragonpayError('invalid-handler-class', message, { subject: Class.name, cause });
  }
}
