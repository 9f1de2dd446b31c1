import 'reflect-metadata';
import { DragonpayError } from '../errors.js';
import type { CallbackKind } from '../protocol/kinds.js';

// Only this file knows where decorators keep their metadata. Legacy decorators (`experimentalDecorators`) use
// reflect-metadata on the prototype. Standard decorators use the `Symbol.metadata` of the class. Methods are kept by
// name, never by function: another decorator may wrap the function, and a subclass may override it.

// Node 20 and 22 do not have Symbol.metadata. All compilers use this symbol in its place. A class imports its
// decorators before it is evaluated, so the symbol is set in time.
(Symbol as { metadata?: symbol }).metadata ??= Symbol.for('Symbol.metadata');
const symbolMetadata: symbol = (Symbol as unknown as { metadata: symbol }).metadata;

const entriesKey = Symbol.for('dragonpay-callback.entries');

/** The options given to `@DragonpayCallback`, with defaults. */
export interface ClassOptions {
  readonly updateOnGet: boolean;
  readonly allowInvalidData: boolean;
}

/** The decorator of a method, with its options. */
export type MethodRole =
  | { readonly role: 'get' | 'post' | 'dispatch' }
  | {
      readonly role: 'status';
      readonly kind: CallbackKind;
      readonly statuses: readonly string[];
      /** The queue that the method works for. Without one, the method runs in the transaction. */
      readonly queue?: string;
    };

/** One decorated method. */
export type MethodEntry = MethodRole & {
  readonly key: string | symbol;
  /** Why the method cannot be called. Thrown when the endpoint is made, where the message can name the class. */
  readonly fault?: 'static' | 'private' | 'no-method';
};

/** The decorators of one class, without those of its base classes. */
export interface OwnHandlerMetadata {
  options?: ClassOptions;
  readonly methods: MethodEntry[];
}

/** The arguments of a method decorator, legacy or standard. */
export type MethodDecoratorArguments = [
  target: unknown,
  keyOrContext: string | symbol | ClassMethodDecoratorContext,
  descriptor?: { readonly value?: unknown; readonly get?: unknown },
];

/**
 * Records a decorated method.
 * @throws DragonpayError `invalid-handler-class` if it is not a method, or if the compiler gives no metadata
 */
export function addMethod(role: MethodRole, ...args: MethodDecoratorArguments): void {
  const [target, keyOrContext] = args;
  if (isStandardContext(keyOrContext)) {
    const { name, static: isStatic, private: isPrivate, kind, metadata } = keyOrContext;
    const fault = isStatic ? 'static' : isPrivate ? 'private' : kind === 'method' ? undefined : 'no-method';
    ownOf(metadata ?? noMetadata(decoratorNames[role.role])).methods.push({
      ...role,
      key: name,
      ...(fault && { fault }),
    });
  } else {
    const isKey = typeof keyOrContext === 'string' || typeof keyOrContext === 'symbol';
    if (!isKey || Object(target) !== target) throw misplaced(decoratorNames[role.role], 'method');
    const isStatic = typeof target === 'function';
    // Another decorator, such as one that binds the method, may have replaced the method by a getter: see
    // handler-table.ts.
    const { value, get } = args[2] ?? {};
    const isMethod = typeof (value ?? get) === 'function';
    const fault = isStatic ? 'static' : isMethod ? undefined : 'no-method';
    const prototype = isStatic ? target.prototype : target;
    ownOf(prototype as object).methods.push({ ...role, key: keyOrContext, ...(fault && { fault }) });
  }
}

/**
 * Records the options of a decorated class.
 * @throws DragonpayError `invalid-handler-class` if it is not a class. Next.js without `experimentalDecorators`
 *   compiles decorators to a proposal of 2018, which passes descriptions of classes.
 */
export function setClassOptions(
  options: ClassOptions,
  ...[target, context]: [target: HandlerClass, context?: ClassDecoratorContext]
): void {
  if (typeof target !== 'function' || typeof target.prototype !== 'object')
    throw misplaced('DragonpayCallback', 'class');
  const metadata = isStandardContext(context)
    ? (context.metadata ?? noMetadata('DragonpayCallback'))
    : target.prototype;
  ownOf(metadata as object).options = options;
}

/** The error for compilers that follow a proposal from before May 2023, which has no metadata. */
function noMetadata(name: string): never {
  const message = `${name} needs decorators with metadata: set the version of decorators to 2023-05 or later in Babel and 2022-03 in swc, or choose legacy decorators`;
  throw new DragonpayError('invalid-handler-class', message, { subject: name });
}

function misplaced(name: string, what: 'class' | 'method'): DragonpayError {
  const message = `${name} must decorate a ${what}. If it does, the compiler follows an old proposal of decorators: set experimentalDecorators to true in tsconfig.json`;
  return new DragonpayError('invalid-handler-class', message, { subject: name });
}

const decoratorNames = { get: 'OnGet', post: 'OnPost', dispatch: 'OnDispatch', status: 'OnStatus' } as const;

/** The metadata of a class and its base classes, the base first. Classes without decorators are left out. */
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
// biome-ignore lint/suspicious/noExplicitAny: the container supplies the parameters, and its own types say any
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
