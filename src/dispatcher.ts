import type { Deadline } from './async/deadline.js';
import { callMethod } from './decorators/call-method.js';
import type { HandlerTable } from './decorators/handler-table.js';
import { DragonpayError, failures, type ReplyCode } from './errors.js';
import type { CallbackStore } from './handling/callback-store.js';
import { isCopyTooMany, type Stored } from './handling/copies.js';
import { HandlerCall, HandlerError } from './handling/handler-call.js';
import type { Handler } from './handling/handler-registry.js';
import { toInvalidCallback, toValidCallback } from './handling/to-callback.js';
import type { Callback } from './model/callback.js';
import type { CallbackEndpoint, CallbackReply, CallbackRequest } from './model/callback-request.js';
import type { Issue } from './model/issue.js';
import type { VerifiedCallback } from './model/verified-callback.js';
import { type DispatchTrace, dispatchChannel, traced } from './observability/channels.js';
import type { Hooks } from './observability/hooks.js';
import type { RefusedCallbacks } from './observability/refused-callbacks.js';
import { escapeForLog, tell } from './observability/tell.js';
import type { CallbackKind } from './protocol/kinds.js';
import type { ReceivedFields } from './reading/field-collector.js';
import type { FieldReader } from './reading/field-reader.js';
import type { CallbackRepository } from './repository/callback-repository.js';
import { failureReply, methodTable, replyTo } from './response/default-replies.js';
import type { Limits } from './settings/settings.js';
import type { VerificationPolicy } from './verification/verify-callback.js';
import { verifyFields } from './verification/verify-fields.js';

/** The parts of a dispatcher. {@link createDragonpay} makes them from settings. */
interface DispatcherParts {
  readonly handler: Handler;
  readonly kinds: ReadonlySet<CallbackKind>;
  readonly reader: FieldReader;
  readonly policy: VerificationPolicy;
  readonly limits: Required<Limits>;
  readonly hooks: Hooks;
  /** Keeps refused callbacks, if a setting says so. */
  readonly refused: RefusedCallbacks;
  /** When this process last verified a callback of each kind, in milliseconds since 1970. */
  readonly verified: Map<CallbackKind, number>;
  /** Says why the sender of a request may not POST. `undefined` if it may. */
  readonly refusalOfSender: (request: CallbackRequest) => string | undefined;
  /** Where rows are looked up. */
  readonly repository: CallbackRepository | undefined;
  /** Where callbacks are stored; `undefined` if nothing is to be stored. */
  readonly store: CallbackStore | undefined;
}

/**
 * The way of a callback, in six steps: read, check, verify, store, handle, answer. It knows no server and no database.
 *
 * `dragonpay.endpoint(Class)` makes one. To serve it from a server without an adapter, pass a {@link CallbackRequest}
 * to `dispatch`.
 */
export class CallbackDispatcher implements CallbackEndpoint {
  readonly #parts: DispatcherParts;

  /** @internal */
  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Answers one request. The promise never rejects. */
  dispatch(request: CallbackRequest): Promise<CallbackReply> {
    if (!dispatchChannel.hasSubscribers) return this.#dispatch(request, undefined);
    const { method } = request;
    const trace: DispatchTrace = { method: typeof method === 'string' ? escapeForLog(method) : '' };
    return traced(dispatchChannel, trace, async () => {
      const reply = await this.#dispatch(request, trace);
      trace.replyStatus = reply.status;
      return reply;
    });
  }

  #dispatch(request: CallbackRequest, trace: DispatchTrace | undefined): Promise<CallbackReply> {
    const { handler, limits, hooks } = this.#parts;
    const call = new HandlerCall(handler, limits.handlerMilliseconds);
    const isWatched = handler.table.dispatch ?? hooks.received ?? hooks.replied;
    return isWatched === undefined ? this.#answer(request, call, trace) : this.#answerAround(request, call, trace);
  }

  /** The hooks and the `@OnDispatch` method around the six steps. Never rejects. */
  async #answerAround(
    request: CallbackRequest,
    call: HandlerCall,
    trace: DispatchTrace | undefined,
  ): Promise<CallbackReply> {
    const { handler, hooks } = this.#parts;
    const startedAt = performance.now();
    let method = '';
    let reply: CallbackReply;
    try {
      method = escapeForLog(String(request.method));
      tell(hooks.received, { method, remoteAddress: request.remoteAddress });
      const around = handler.table.dispatch;
      let answer: Promise<CallbackReply> | undefined;
      const next = () => {
        answer ??= this.#answer(request, call, trace);
        return answer;
      };
      reply = around === undefined ? await next() : await call.around(around, request, next);
    } catch (error) {
      reply = this.#handlerFailed(error, trace);
    }
    tell(hooks.replied, { method, status: reply.status, milliseconds: performance.now() - startedAt });
    return reply;
  }

  /** The six steps. Never rejects. */
  async #answer(request: CallbackRequest, call: HandlerCall, trace: DispatchTrace | undefined): Promise<CallbackReply> {
    try {
      const { reader, kinds, policy, refusalOfSender, handler, store, repository, verified } = this.#parts;
      const byMethod = methodTable[request.method];
      if (byMethod === undefined) return this.#refuse(request, trace, 'method-not-allowed');
      if (byMethod !== 'callback') return byMethod;
      const refusal = request.method === 'POST' ? refusalOfSender(request) : undefined;
      if (refusal !== undefined) return this.#refuse(request, trace, 'address-not-allowed', refusal);

      // Plain values are not awaited: an `await` costs as much as a step.
      const reading = reader.read(request);
      const fields = reading instanceof Promise ? await reading : reading;
      if (!fields.ok) return this.#refuse(request, trace, fields.code, fields.detail);

      const verifying = verifyFields(fields, request.method as 'GET' | 'POST', kinds, policy);
      const verdict = verifying instanceof Promise ? await verifying : verifying;
      if (!verdict.ok) {
        return verdict.reason === 'invalid'
          ? await this.#answerInvalid(request, call, trace, fields, verdict.issues)
          : this.#refuse(request, trace, verdict.reason, verdict.problem, fields);
      }
      const { callback } = verdict;
      verified.set(callback.kind, Date.now());
      if (trace !== undefined) traceVerified(trace, callback);

      // The instance comes first: nothing may be stored if nothing can handle it.
      if (!call.isPrepared && needsInstance(handler.table, request)) await call.prepare();
      const isStored = request.method === 'POST' || handler.table.updateOnGet;
      const stored = isStored && store !== undefined ? await store.store(callback, call, request) : skipped;
      if (isCopyTooMany(stored)) return this.#refuse(request, trace, 'too-many-copies');
      const { update } = stored;
      if (trace !== undefined) trace.outcome = update.outcome;
      if (update.outcome === 'not-found' && !handler.table.allowInvalidData) return failureReply('not-found');

      try {
        const source = { request, repository };
        const result = await this.#handle(request, call, (deadline) =>
          toValidCallback(callback, update, source, deadline),
        );
        return replyTo(result, update.outcome);
      } catch (error) {
        const reply = this.#handlerFailed(error, trace);
        return update.outcome === 'unstored' ? failureReply('unstored') : reply;
      }
    } catch (error) {
      return this.#handlerFailed(error, trace);
    }
  }

  /** Refuses a request that could not be read or verified. No method is called. */
  #refuse(
    request: CallbackRequest,
    trace: DispatchTrace | undefined,
    code: ReplyCode,
    detail?: string,
    fields?: ReceivedFields,
  ): CallbackReply {
    this.#tellRejected(request, trace, { code, message: detail ?? failures[code].meaning }, fields);
    return failureReply(code);
  }

  /** Answers a forged or malformed callback. Nothing is stored, the handler may see it. */
  async #answerInvalid(
    request: CallbackRequest,
    call: HandlerCall,
    trace: DispatchTrace | undefined,
    fields: ReceivedFields,
    issues: readonly Issue[],
  ): Promise<CallbackReply> {
    const first = issues[0] as Issue;
    this.#tellRejected(request, trace, first, fields);
    if (!this.#parts.handler.table.allowInvalidData) return failureReply(first.code);
    const result = await this.#handle(request, call, (deadline) =>
      toInvalidCallback(issues, fields, request, deadline),
    );
    return replyTo(result, 'skipped', first);
  }

  /** Calls the `@OnGet` or `@OnPost` method, if there is one. */
  #handle(request: CallbackRequest, call: HandlerCall, toCallback: (deadline: Deadline) => Callback): unknown {
    const key = methodFor(call.handler.table, request);
    if (key === undefined) return undefined;
    return call.run(key, (instance, deadline) => callMethod(instance, key, toCallback(deadline)));
  }

  #tellRejected(
    request: CallbackRequest,
    trace: DispatchTrace | undefined,
    { code, field, message }: Issue,
    fields: ReceivedFields | undefined,
  ): void {
    if (trace !== undefined) {
      trace.verdict ??= 'refused';
      trace.code = code;
    }
    const { hooks, refused, verified } = this.#parts;
    const { method } = request;
    const { txnid, merchanttxnid, digest, signature, signatures } = fields?.known ?? {};
    const id = txnid ?? merchanttxnid;
    // A callback without a proof cannot be diagnosed, so it is not kept.
    if (fields !== undefined && (digest || signature || signatures)) {
      refused.add(method as 'GET' | 'POST', code, fields.raw);
    }
    tell(hooks.rejected, {
      method: escapeForLog(String(method)),
      code,
      status: failures[code].status,
      field,
      message,
      id: id && escapeForLog(id),
      neverVerified: !verified.has(merchanttxnid === undefined ? 'payment' : 'payout'),
    });
  }

  #handlerFailed(error: unknown, trace: DispatchTrace | undefined): CallbackReply {
    const { hooks, handler } = this.#parts;
    const { className } = handler.table;
    const [name, cause] = HandlerError.is(error) ? [error.handler, error.cause] : [className, error];
    const code = DragonpayError.is(cause) && cause.code === 'handler-deadline' ? cause.code : 'handler-failed';
    if (trace !== undefined) {
      trace.code = code;
      trace.error = error;
    }
    tell(hooks.handlerFailed, { handler: name, code, error: cause });
    return failureReply(code);
  }
}

const skipped: Stored = { update: { outcome: 'skipped' } };

function traceVerified(trace: DispatchTrace, { kind, id, refno, status }: VerifiedCallback): void {
  Object.assign(trace, { verdict: 'verified', kind, id, refno, status });
}

/** The `@OnGet` or `@OnPost` method for a request. */
function methodFor({ get, post }: HandlerTable, { method }: CallbackRequest): string | symbol | undefined {
  return method === 'GET' ? get : post;
}

/** Whether a method may be called for a verified callback. */
function needsInstance(table: HandlerTable, request: CallbackRequest): boolean {
  const { status, queued } = table;
  return methodFor(table, request) !== undefined || status.payment.size + status.payout.size + queued.length > 0;
}
