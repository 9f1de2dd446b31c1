import { DragonpayError } from '../errors.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { isStatus } from '../protocol/statuses.js';
import { assertClass } from './assert-class.js';
import { type ClassOptions, type HandlerClass, handlerMetadataOf, type MethodEntry } from './handler-metadata.js';

/** Maps HTTP methods and statuses to handler methods, by their names. Built once for each endpoint. */
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

/** A method that the worker of a queue calls after the commit. */
export interface QueuedEntry {
  readonly kind: CallbackKind;
  readonly status: string;
  readonly queue: string;
  readonly key: string | symbol;
}

/**
 * The reason for which a method is called. A status has at most one method in the transaction, and one for each queue.
 */
type Slot =
  | { readonly role: 'get' | 'post' | 'dispatch'; readonly key: string | symbol }
  | {
      readonly role: 'status';
      readonly kind: CallbackKind;
      readonly status: string;
      readonly queue: string | undefined;
      readonly key: string | symbol;
    };

/**
 * Reads the decorators of a class and its base classes. The nearest class wins.
 * @throws DragonpayError `invalid-handler-class`, with a sentence about what to change
 */
export function handlerTableOf(Class: HandlerClass): HandlerTable {
  assertClass(Class);
  const chain = handlerMetadataOf(Class);
  const options = chain.findLast((own) => own.options !== undefined)?.options;
  if (options === undefined) fail(Class.name, 'is not decorated with @DragonpayCallback()');
  const slots = new Map<string, Slot>();
  for (const own of chain) {
    const declared = new Map<string, Slot>();
    for (const slot of own.methods.flatMap((entry) => slotsOf(Class, entry))) {
      const other = declared.get(idOf(slot));
      if (other !== undefined && other.key !== slot.key) {
        fail(Class.name, `has two methods for ${describe(slot)}: ${String(other.key)} and ${String(slot.key)}`);
      }
      declared.set(idOf(slot), slot);
    }
    for (const [id, slot] of declared) slots.set(id, slot);
  }
  return Object.freeze({ ...options, className: Class.name, ...toTable([...slots.values()]) });
}

function toTable(slots: readonly Slot[]): Omit<HandlerTable, 'className' | keyof ClassOptions> {
  const keys: { get?: string | symbol; post?: string | symbol; dispatch?: string | symbol } = {};
  const status = { payment: new Map<string, string | symbol>(), payout: new Map<string, string | symbol>() };
  const queued: QueuedEntry[] = [];
  for (const slot of slots) {
    if (slot.role !== 'status') keys[slot.role] = slot.key;
    else if (slot.queue === undefined) status[slot.kind].set(slot.status, slot.key);
    else queued.push({ kind: slot.kind, status: slot.status, queue: slot.queue, key: slot.key });
  }
  return { get: keys.get, post: keys.post, dispatch: keys.dispatch, status, queued };
}

function slotsOf(Class: HandlerClass, entry: MethodEntry): Slot[] {
  assertCallable(Class, entry);
  const { key } = entry;
  if (entry.role !== 'status') return [{ role: entry.role, key }];
  const { kind, queue, statuses } = entry;
  const method = String(key);
  if (kind !== 'payment' && kind !== 'payout') {
    fail(Class.name, `has an unknown kind in @OnStatus of ${method}: it must be "payment" or "payout"`);
  }
  if (statuses.length === 0) fail(Class.name, `names no status in @OnStatus of ${method}`);
  for (const status of statuses) {
    if (!isStatus(kind, status)) fail(Class.name, `names an unknown ${kind} status in @OnStatus of ${method}`);
  }
  if (queue !== undefined && (typeof queue !== 'string' || !/^[\w.-]{1,64}$/.test(queue))) {
    fail(
      Class.name,
      `has an invalid queue name in @OnStatus of ${method}: it must be 1 to 64 letters, digits, "_", "-" and "."`,
    );
  }
  return statuses.map((status) => ({ role: 'status', kind, status, queue, key }));
}

function idOf(slot: Slot): string {
  return slot.role === 'status' ? `${slot.kind} ${slot.status} ${slot.queue}` : slot.role;
}

const decoratorNames = { get: '@OnGet', post: '@OnPost', dispatch: '@OnDispatch' } as const;

function describe(slot: Slot): string {
  if (slot.role !== 'status') return decoratorNames[slot.role];
  const { kind, status, queue } = slot;
  return `@OnStatus${queue === undefined ? '' : ` for ${queue}`} of ${kind}s in ${status}`;
}

function assertCallable(Class: HandlerClass, { key, fault }: MethodEntry): void {
  const method = String(key);
  if (fault === 'static') fail(Class.name, `decorates the static method ${method}; handlers must be instance methods`);
  if (fault === 'private') fail(Class.name, `decorates the private method ${method}, which cannot be called`);
  if (fault === 'no-method' || !holdsFunction(Class.prototype, key)) {
    fail(Class.name, `decorates ${method}, which is not a method`);
  }
}

function holdsFunction(prototype: object, key: string | symbol): boolean {
  try {
    return typeof Reflect.get(prototype, key) === 'function';
  } catch {
    // The getter needs an instance.
    return false;
  }
}

function fail(className: string, problem: string): never {
  throw new DragonpayError('invalid-handler-class', `${className} ${problem}`, { subject: className });
}
