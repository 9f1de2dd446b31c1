import 'reflect-metadata';
import type { CallbackKind } from '../protocol/kinds.js';

/**
 * The one place that knows where decorators keep what they say: legacy ones (`experimentalDecorators`) through
 * reflect-metadata on the prototype, standard ones through the class's `Symbol.metadata`. Methods are remembered by
 * name, never by function: another decorator may wrap the function, and a subclass may override it.
 */

// Node 20 and 22 have no Symbol.metadata yet; every compiler falls back to this one. Decorators are imported before
// the classes that they decorate are evaluated, so it is there in time.
(Symbol as { metadata?: symbol }).metadata ??= Symbol.for('Symbol.metadata');
const symbolMetadata: symbol = (Symbol as unknown as { metadata: symbol }).metadata;

const entriesKey = Symbol.for('dragonpay-callback.entries');

/** Options of a handler class, as `@DragonpayCallback` was given them. */
export interface ClassOptions {
  readonly updateOnGet: boolean;
  readonly allowInvalidData: boolean;
}

/** What a method was decorated as. */
export type MethodRole =
  | { readonly role: 'get' | 'post' | 'dispatch' }
  | {
      readonly role: 'status';
      readonly kind: CallbackKind;
      readonly statuses: readonly string[];
      /** The queue that the method works for; without one it runs in the transaction. */
      readonly queue?: string;
    };

/** One decorated method. */
export type MethodEntry = MethodRole & {
  readonly key: string | symbol;
  /** Why this cannot serve, found where an error could not be thrown clearly. */
  readonly fault?: 'static' | 'private' | 'no-method';
};

/** What the decorators of one class said, without its base classes. */
export interface OwnHandlerMetadata {
  options?: ClassOptions;
  readonly methods: MethodEntry[];
}

/** The arguments of a method decorator: of the legacy kind, or of the standard one. */
export type MethodDecoratorArguments =
  | [target: object, key: string | symbol, descriptor?: PropertyDescriptor]
  | [value: unknown, context: ClassMethodDecoratorContext];

/** Remembers a decorated method. */
export function addMethod(role: MethodRole, ...args: MethodDecoratorArguments): void {
  const [target, keyOrContext] = args;
  if (isStandardContext(keyOrContext)) {
    const { name, static: isStatic, private: isPrivate, kind, metadata } = keyOrContext;
    const fault = isStatic ? 'static' : isPrivate ? 'private' : kind === 'method' ? undefined : 'no-method';
    ownOf(metadata as object).methods.push({ ...role, key: name, ...(fault && { fault }) });
  } else {
    const isStatic = typeof target === 'function';
    // A getter may be what a decorator below made of a method, such as one that binds it: see handler-table.ts.
    const { value, get } = (args[2] as PropertyDescriptor | undefined) ?? {};
    const isMethod = typeof (value ?? get) === 'function';
    const fault = isStatic ? 'static' : isMethod ? undefined : 'no-method';
    const prototype = isStatic ? target.prototype : target;
    ownOf(prototype as object).methods.push({ ...role, key: keyOrContext, ...(fault && { fault }) });
  }
}

/** Remembers the options of a decorated class. */
export function setClassOptions(
  options: ClassOptions,
  ...[target, context]: [target: HandlerClass, context?: ClassDecoratorContext]
): void {
  ownOf(isStandardContext(context) ? (context.metadata as object) : (target.prototype as object)).options = options;
}

/** What was said of a class and its base classes, the base first. A class of neither kind of decorator says nothing. */
export function handlerMetadataOf(handlerClass: HandlerClass): OwnHandlerMetadata[] {
  const chain: OwnHandlerMetadata[] = [];
  for (
    let prototype: object | null = handlerClass.prototype;
    prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const legacy = readOwn(prototype);
    if (legacy !== undefined) chain.unshift(legacy);
    const Class = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    const metadata = Class && Object.getOwnPropertyDescriptor(Class, symbolMetadata)?.value;
    const standard = metadata && readOwn(metadata);
    if (standard !== undefined) chain.unshift(standard);
  }
  return chain;
}

/** A class whose instances handle callbacks. */
// biome-ignore lint/suspicious/noExplicitAny: the parameters are the container's affair, and its own types say any
export type HandlerClass<Instance extends object = object> = abstract new (...args: any[]) => Instance;

function isStandardContext<Context extends DecoratorContext>(
  context: string | symbol | Context | undefined,
): context is Context {
  return typeof context === 'object' && 'kind' in context;
}

function readOwn(holder: object): OwnHandlerMetadata | undefined {
  return Reflect.getOwnMetadata(entriesKey, holder);
}

function ownOf(holder: object): OwnHandlerMetadata {
  let own = readOwn(holder);
  if (own === undefined) {
    own = { methods: [] };
    Reflect.defineMetadata(entriesKey, own, holder);
  }
  return own;
}
