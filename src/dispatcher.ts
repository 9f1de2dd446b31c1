import { isThenable } from './async/is-thenable.js';
import type { HandlerTable } from './decorators/handler-table.js';
import { DragonpayError, type FailureCode, failures } from './errors.js';
import { HandlerCall, HandlerError } from './handling/handler-call.js';
import { type Stored, type StoreParts, storeCallback } from './handling/store-callback.js';
import type { CallbackEndpoint, CallbackReply, CallbackRequest } from './model/callback-request.js';
import type { SkippedUpdate } from './model/callback-update.js';
import type { Issue } from './model/issue.js';
import type { VerifiedCallback } from './model/verified-callback.js';
import { escapeForLog, tell } from './observability/hooks.js';
import type { CallbackKind } from './protocol/kinds.js';
import { checkFields } from './reading/check-fields.js';
import { type ReadLimits, type ReceivedFields, readFields } from './reading/read-fields.js';
import type { CallbackRepository } from './repository/callback-repository.js';
import { answer, failed, methodTable } from './response/default-replies.js';
import { type VerificationPolicy, verifyCallback } from './verification/verify-callback.js';

/** What a dispatcher works with. {@link createDragonpay} makes it from settings. */
export interface DispatcherParts extends StoreParts {
  readonly table: HandlerTable;
  /** The instance to call: asked for once a request. */
  readonly resolve: () => object | Promise<object>;
  readonly kinds: ReadonlySet<CallbackKind>;
  readonly policy: VerificationPolicy;
  /** Where verified callbacks go, and rows are looked up. */
  readonly repository: CallbackRepository | undefined;
  /** `false`: the repository is for look-ups only. */
  readonly saveData: boolean;
  readonly mayPost: (request: CallbackRequest) => boolean;
  readonly limits: ReadLimits & { readonly handlerMilliseconds: number; readonly storeMilliseconds: number };
}

/**
 * The way of a callback, in six steps: read, check, verify, store, handle, answer. Knows no server and no database.
 *
 * Most users never see it: `dragonpay.endpoint(Class)` makes one. To plug it into a server that has no adapter here,
 * hand its `dispatch` a {@link CallbackRequest}.
 */
export class CallbackDispatcher implements CallbackEndpoint {
  readonly #parts: DispatcherParts;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Answers one request. The promise never rejects. */
  dispatch(request: CallbackRequest): Promise<CallbackReply> {
    const { received, replied } = this.#parts.hooks;
    return received === undefined && replied === undefined ? this.#answer(request) : this.#answerAndTell(request);
  }

  async #answerAndTell(request: CallbackRequest): Promise<CallbackReply> {
    const { received, replied } = this.#parts.hooks;
    const startedAt = performance.now();
    let method = '';
    let reply: CallbackReply;
    try {
      method = escapeForLog(String(request.method));
      tell(received, { method, remoteAddress: request.remoteAddress });
      reply = await this.#answer(request);
    } catch (error) {
      reply = this.#handlerFailed(error);
    }
    tell(replied, { method, status: reply.status, milliseconds: performance.now() - startedAt });
    return reply;
  }

  #answer(request: CallbackRequest): Promise<CallbackReply> {
    const { table, resolve, limits, repository } = this.#parts;
    const call = new HandlerCall(table, resolve, limits.handlerMilliseconds, request, repository);
    return table.dispatch === undefined
      ? this.#answerTo(request, call)
      : this.#answerAround(table.dispatch, request, call);
  }

  async #answerAround(key: string | symbol, request: CallbackRequest, call: HandlerCall): Promise<CallbackReply> {
    try {
      return await call.around(key, () => this.#answerTo(request, call));
    } catch (error) {
      return this.#handlerFailed(error);
    }
  }

  /** The way, for `next()` of `@OnDispatch` too: never rejects either. Waits for promises only: waiting costs time. */
  async #answerTo(request: CallbackRequest, call: HandlerCall): Promise<CallbackReply> {
    try {
      const { limits, kinds, policy, table, mayPost } = this.#parts;
      const byMethod = methodTable[request.method];
      if (byMethod === undefined) return this.#refuse(request, 'method-not-allowed');
      if (byMethod !== 'callback') return byMethod;
      if (request.method === 'POST' && !mayPost(request)) return this.#refuse(request, 'address-not-allowed');

      const reading = readFields(request, limits);
      const fields = isThenable(reading) ? await reading : reading;
      if (!fields.ok) return this.#refuse(request, fields.code, fields.detail);

      const checked = checkFields(fields, kinds);
      if (!checked.ok) return await this.#invalid(request, call, fields, checked.issues);

      const received = { method: request.method as 'GET' | 'POST', raw: fields.raw };
      const verifying = verifyCallback(checked.callback, received, policy);
      const verdict = isThenable(verifying) ? await verifying : verifying;
      if (!verdict.ok && 'unavailable' in verdict) return this.#refuse(request, 'keys-unavailable');
      if (!verdict.ok) return await this.#invalid(request, call, fields, verdict.issues);

      const preparing = call.prepare();
      if (isThenable(preparing)) await preparing;
      const storing = this.#store(verdict.callback, call);
      const update = isThenable(storing) ? (await storing).update : storing;
      if (update.outcome === 'not-found' && !table.allowInvalidData) return failed('not-found');

      try {
        const handling = call.onValid(verdict.callback, update);
        return answer(isThenable(handling) ? await handling : handling, update.outcome);
      } catch (error) {
        const reply = this.#handlerFailed(error);
        return update.outcome === 'unstored' ? failed('unstored') : reply;
      }
    } catch (error) {
      return this.#handlerFailed(error);
    }
  }

  /** Stores a verified callback, and runs the `@OnStatus` method in the same transaction. Rejects as that does. */
  #store(callback: VerifiedCallback, call: HandlerCall): SkippedUpdate | Promise<Stored> {
    const { repository, saveData, table } = this.#parts;
    if (repository === undefined || !saveData || (callback.method === 'GET' && !table.updateOnGet)) {
      return { outcome: 'skipped' };
    }
    return storeCallback(callback, call, repository, this.#parts);
  }

  /** A request that could not be read or judged: no method is called. */
  #refuse(request: CallbackRequest, code: FailureCode, detail?: string): CallbackReply {
    this.#tellRejected(request, { code, message: detail ?? failures[code].meaning }, undefined);
    return failed(code);
  }

  /** A callback that is forged or malformed: nothing is stored, the handler may see it. */
  async #invalid(
    request: CallbackRequest,
    call: HandlerCall,
    fields: ReceivedFields,
    issues: readonly Issue[],
  ): Promise<CallbackReply> {
    const first = issues[0] as Issue;
    this.#tellRejected(request, first, fields.known.txnid ?? fields.known.merchanttxnid);
    if (!this.#parts.table.allowInvalidData) return failed(first.code);
    const result = await call.onInvalid(issues, fields);
    return answer(result, 'skipped', first);
  }

  #tellRejected({ method }: CallbackRequest, { code, field, message }: Issue, id: string | undefined): void {
    const { status } = failures[code];
    tell(this.#parts.hooks.rejected, {
      method: escapeForLog(String(method)),
      code,
      status,
      field,
      message,
      id: id && escapeForLog(id),
    });
  }

  #handlerFailed(error: unknown): CallbackReply {
    const cause = error instanceof HandlerError ? error.cause : error;
    const code = DragonpayError.is(cause) && cause.code === 'handler-deadline' ? cause.code : 'handler-failed';
    const handler = error instanceof HandlerError ? error.handler : this.#parts.table.className;
    tell(this.#parts.hooks.handlerFailed, { handler, code, error: cause });
    return failed(code);
  }
}
