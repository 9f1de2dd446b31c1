import { DragonpayError } from '../errors.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { isStatus } from '../protocol/statuses.js';
import { type ClassOptions, type HandlerClass, handlerMetadataOf, type MethodEntry } from './handler-metadata.js';

/** What to call for what: made once for an endpoint, and frozen. Keys name methods of the handler's instance. */
export interface HandlerTable extends ClassOptions {
  readonly className: string;
  readonly get: string | symbol | undefined;
  readonly post: string | symbol | undefined;
  readonly dispatch: string | symbol | undefined;
  /** By kind, then by status letter. */
  readonly status: Readonly<Record<CallbackKind, ReadonlyMap<string, string | symbol>>>;
  /** The methods that work for a queue. */
  readonly queued: readonly QueuedEntry[];
}

/** A method that is called by the worker of a queue, after the commit. */
export interface QueuedEntry {
  readonly kind: CallbackKind;
  readonly status: string;
  readonly queue: string;
  readonly key: string | symbol;
}

/**
 * Reads the decorators of a class and its base classes; the nearest class wins.
 * @throws DragonpayError `invalid-handler-class`, with a sentence about what to change.
 */
export function handlerTableOf(Class: HandlerClass): HandlerTable {
  if (typeof Class !== 'function' || typeof Class.prototype !== 'object') fail('', 'endpoint() takes a class');
  const chain = handlerMetadataOf(Class);
  const options = chain.findLast((own) => own.options !== undefined)?.options;
  if (options === undefined) fail(Class.name, 'is not decorated with @DragonpayCallback()');
  const methods = new Map<string, string | symbol>();
  const queued = new Map<string, QueuedEntry>();
  for (const own of chain) {
    const declared = new Map<string, string | symbol>();
    for (const entry of own.methods) {
      assertCallable(Class, entry);
      for (const slot of slotsOf(Class, entry)) {
        const other = declared.get(slot);
        if (other !== undefined && other !== entry.key) {
          fail(Class.name, `has two methods for ${slot}: ${String(other)} and ${String(entry.key)}`);
        }
        declared.set(slot, entry.key);
      }
      for (const one of queuedOf(entry)) queued.set(slotOf(one), one);
    }
    for (const [slot, key] of declared) methods.set(slot, key);
  }
  return Object.freeze({
    ...options,
    className: Class.name,
    get: methods.get('@OnGet'),
    post: methods.get('@OnPost'),
    dispatch: methods.get('@OnDispatch'),
    status: { payment: statusMethods(methods, 'payment'), payout: statusMethods(methods, 'payout') },
    queued: [...queued.values()],
  });
}

const slotNames = { get: '@OnGet', post: '@OnPost', dispatch: '@OnDispatch' } as const;

function slotsOf(Class: HandlerClass, entry: MethodEntry): string[] {
  if (entry.role !== 'status') return [slotNames[entry.role]];
  const method = String(entry.key);
  if (entry.statuses.length === 0) fail(Class.name, `names no status in @OnStatus of ${method}`);
  for (const status of entry.statuses) {
    if (!isStatus(entry.kind, status)) fail(Class.name, `names no status of a ${entry.kind} in @OnStatus of ${method}`);
  }
  const { kind, queue } = entry;
  if (queue !== undefined && (typeof queue !== 'string' || !/^[\w.-]{1,64}$/.test(queue))) {
    fail(Class.name, `names no queue in @OnStatus of ${method}: 1 to 64 letters, digits, "_", "-" and "."`);
  }
  return entry.statuses.map((status) => slotOf({ kind, status, queue }));
}

function queuedOf(entry: MethodEntry): QueuedEntry[] {
  if (entry.role !== 'status') return [];
  const { kind, queue, key, statuses } = entry;
  return queue === undefined ? [] : statuses.map((status) => ({ kind, status, queue, key }));
}

/** A status may have a method in the transaction, and one for each queue. */
function slotOf({ kind, status, queue }: { kind: CallbackKind; status: string; queue: string | undefined }): string {
  return queue === undefined ? `${statusSlot(kind)}${status}` : `@OnStatus for ${queue} of ${kind}s in ${status}`;
}

function statusSlot(kind: CallbackKind): string {
  return `@OnStatus of ${kind}s in `;
}

function statusMethods(methods: ReadonlyMap<string, string | symbol>, kind: CallbackKind) {
  const prefix = statusSlot(kind);
  return new Map(
    [...methods].filter(([slot]) => slot.startsWith(prefix)).map(([slot, key]) => [slot.slice(prefix.length), key]),
  );
}

function assertCallable(Class: HandlerClass, { key, fault }: MethodEntry): void {
  const method = String(key);
  if (fault === 'static') fail(Class.name, `decorates the static method ${method}; handlers are instance methods`);
  if (fault === 'private') fail(Class.name, `decorates the private method ${method}, which nobody else can call`);
  if (fault === 'no-method' || !holdsFunction(Class.prototype, key)) {
    fail(Class.name, `decorates ${method}, which is no method`);
  }
}

function holdsFunction(prototype: object, key: string | symbol): boolean {
  try {
    return typeof Reflect.get(prototype, key) === 'function';
  } catch {
    // A getter that needs an instance.
    return false;
  }
}

function fail(className: string, complaint: string): never {
  throw new DragonpayError('invalid-handler-class', `${className} ${complaint}`.trim(), { subject: className });
}
