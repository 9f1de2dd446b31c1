import { DragonpayError, failures, type ReplyCode } from './errors.js';
import type { CallbackStore } from './handling/callback-store.js';
import { callMethod, HandlerCall, HandlerError } from './handling/handler-call.js';
import type { Handler } from './handling/handler-registry.js';
import { toInvalidCallback, toValidCallback } from './handling/to-callback.js';
import type { CallbackEndpoint, CallbackReply, CallbackRequest } from './model/callback-request.js';
import type { CallbackUpdate } from './model/callback-update.js';
import type { Issue } from './model/issue.js';
import type { VerifiedCallback } from './model/verified-callback.js';
import { escapeForLog, type Hooks, tell } from './observability/hooks.js';
import type { CallbackKind } from './protocol/kinds.js';
import { checkFields } from './reading/check-fields.js';
import { type ReceivedFields, readFields } from './reading/read-fields.js';
import type { CallbackRepository } from './repository/callback-repository.js';
import { failureReply, methodTable, replyTo } from './response/default-replies.js';
import type { Limits } from './settings/settings.js';
import { type VerificationPolicy, verifyCallback } from './verification/verify-callback.js';

/** What a dispatcher is made of. {@link createDragonpay} makes it from settings. */
interface DispatcherParts {
  readonly handler: Handler;
  readonly kinds: ReadonlySet<CallbackKind>;
  readonly policy: VerificationPolicy;
  readonly limits: Required<Limits>;
  readonly hooks: Hooks;
  readonly mayPost: (request: CallbackRequest) => boolean;
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
  async dispatch(request: CallbackRequest): Promise<CallbackReply> {
    const { handler, limits, hooks } = this.#parts;
    const startedAt = performance.now();
    let method = '';
    let reply: CallbackReply;
    try {
      method = escapeForLog(String(request.method));
      tell(hooks.received, { method, remoteAddress: request.remoteAddress });
      const call = new HandlerCall(handler, limits.handlerMilliseconds);
      const around = handler.table.dispatch;
      const next = () => this.#answer(request, call);
      reply = around === undefined ? await next() : await call.around(around, request, next);
    } catch (error) {
      reply = this.#handlerFailed(error);
    }
    tell(hooks.replied, { method, status: reply.status, milliseconds: performance.now() - startedAt });
    return reply;
  }

  /** The six steps. Never rejects. */
  async #answer(request: CallbackRequest, call: HandlerCall): Promise<CallbackReply> {
    try {
      const { limits, kinds, policy, mayPost } = this.#parts;
      const byMethod = methodTable[request.method];
      if (byMethod === undefined) return this.#refuse(request, 'method-not-allowed');
      if (byMethod !== 'callback') return byMethod;
      if (request.method === 'POST' && !mayPost(request)) return this.#refuse(request, 'address-not-allowed');

      const fields = await readFields(request, limits);
      if (!fields.ok) return this.#refuse(request, fields.code, fields.detail);

      const checked = checkFields(fields, kinds);
      if (!checked.ok) return await this.#answerInvalid(request, call, fields, checked.issues);

      const received = { method: request.method as 'GET' | 'POST', raw: fields.raw };
      const verdict = await verifyCallback(checked.callback, received, policy);
      if (!verdict.ok && 'unavailable' in verdict) return this.#refuse(request, 'keys-unavailable');
      if (!verdict.ok) return await this.#answerInvalid(request, call, fields, verdict.issues);

      return await this.#answerValid(request, call, verdict.callback);
    } catch (error) {
      return this.#handlerFailed(error);
    }
  }

  /** Refuses a request that could not be read or verified. No method is called. */
  #refuse(request: CallbackRequest, code: ReplyCode, detail?: string): CallbackReply {
    this.#tellRejected(request, { code, message: detail ?? failures[code].meaning }, undefined);
    return failureReply(code);
  }

  /** Answers a forged or malformed callback. Nothing is stored, the handler may see it. */
  async #answerInvalid(
    request: CallbackRequest,
    call: HandlerCall,
    fields: ReceivedFields,
    issues: readonly Issue[],
  ): Promise<CallbackReply> {
    const first = issues[0] as Issue;
    const { table } = this.#parts.handler;
    this.#tellRejected(request, first, fields.known.txnid ?? fields.known.merchanttxnid);
    if (!table.allowInvalidData) return failureReply(first.code);
    const key = methodFor(request, call);
    if (key === undefined) return replyTo(undefined, 'skipped', first);
    const result = await call.run(key, (instance, deadline) =>
      callMethod(instance, key, toInvalidCallback(issues, fields, request, deadline)),
    );
    return replyTo(result, 'skipped', first);
  }

  /** Stores and handles a verified callback. The instance is resolved first, so that nothing is stored without one. */
  async #answerValid(request: CallbackRequest, call: HandlerCall, callback: VerifiedCallback): Promise<CallbackReply> {
    const { repository, handler } = this.#parts;
    const { status, queued, allowInvalidData } = handler.table;
    const key = methodFor(request, call);
    if (key !== undefined || status.payment.size + status.payout.size + queued.length > 0) await call.instance();

    const update = await this.#store(request, call, callback);
    if (update.outcome === 'not-found' && !allowInvalidData) return failureReply('not-found');

    try {
      if (key === undefined) return replyTo(undefined, update.outcome);
      const result = await call.run(key, (instance, deadline) =>
        callMethod(instance, key, toValidCallback(callback, update, { request, repository }, deadline)),
      );
      return replyTo(result, update.outcome);
    } catch (error) {
      const reply = this.#handlerFailed(error);
      return update.outcome === 'unstored' ? failureReply('unstored') : reply;
    }
  }

  /** Stores a callback and runs its `@OnStatus` method in the same transaction. Rejects if the method does. */
  async #store(request: CallbackRequest, call: HandlerCall, callback: VerifiedCallback): Promise<CallbackUpdate> {
    const { store, handler } = this.#parts;
    if (store === undefined || (callback.method === 'GET' && !handler.table.updateOnGet)) return { outcome: 'skipped' };
    const { update } = await store.store(callback, call, request);
    return update;
  }

  #tellRejected({ method }: CallbackRequest, { code, field, message }: Issue, id: string | undefined): void {
    tell(this.#parts.hooks.rejected, {
      method: escapeForLog(String(method)),
      code,
      status: failures[code].status,
      field,
      message,
      id: id && escapeForLog(id),
    });
  }

  #handlerFailed(error: unknown): CallbackReply {
    const { hooks, handler } = this.#parts;
    const { className } = handler.table;
    const [name, cause] = error instanceof HandlerError ? [error.handler, error.cause] : [className, error];
    const code = DragonpayError.is(cause) && cause.code === 'handler-deadline' ? cause.code : 'handler-failed';
    tell(hooks.handlerFailed, { handler: name, code, error: cause });
    return failureReply(code);
  }
}

/** The `@OnGet` or `@OnPost` method for a request. */
function methodFor({ method }: CallbackRequest, { handler }: HandlerCall): string | symbol | undefined {
  return method === 'GET' ? handler.table.get : handler.table.post;
}
