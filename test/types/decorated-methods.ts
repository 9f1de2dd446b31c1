import {
  type Callback,
  type CallbackReply,
  type CallbackRequest,
  DragonpayCallback,
  decorateHandler,
  type HandlerResult,
  type InvalidCallback,
  OnDispatch,
  OnGet,
  OnPost,
  OnStatus,
  type PaymentCallback,
  reply,
  type StoredCallback,
  type ValidCallback,
} from 'dragonpay-callback';

/** Compiled only, with legacy and with standard decorators: which methods a decorator takes, and which it refuses. */

@DragonpayCallback()
export class RightForVerbs {
  @OnPost() nothing() {}
  @OnPost() undefinedAtOnce() {
    return undefined;
  }
  @OnPost() text(callback: Callback) {
    return callback.method;
  }
  @OnPost() async textLater(callback: Callback) {
    return callback.method;
  }
  @OnGet() textOrNothing(callback: Callback) {
    if (callback.valid) return 'valid';
    return undefined;
  }
  @OnGet() async textOrNothingLater(callback: Callback) {
    if (!callback.valid) return;
    return 'valid';
  }
  @OnGet() madeReply() {
    return reply.redirect('/thanks');
  }
  @OnGet() async madeReplyLater() {
    return reply.html`<p>Thank you</p>`;
  }
  @OnGet() declared(_callback: Callback): HandlerResult {}
  @OnGet() declaredPromise(_callback: Callback): Promise<HandlerResult> {
    return Promise.resolve();
  }
  @OnGet() promiseOrNot(callback: Callback): HandlerResult | Promise<HandlerResult> {
    return callback.valid ? 'valid' : Promise.resolve('invalid');
  }
  @OnGet() widerParameter(_callback: object) {}
  @OnGet() unknownParameter(_callback: unknown) {}
  @OnGet() optionalSecond(_callback: Callback, _more?: string) {}
  @OnGet() @OnPost() both(_callback: Callback) {}
  @OnPost() private privateToTypes(_callback: Callback) {}
  @OnPost() protected protectedToTypes(_callback: Callback) {}
  @OnPost() [Symbol.for('settle')](_callback: Callback) {}
  @OnPost() usesPrivate(_callback: Callback) {
    this.privateToTypes(_callback);
  }
}

@DragonpayCallback()
export class WrongForVerbs {
  // @ts-expect-error no callback is a string
  @OnPost() text(_callback: string) {}
  // @ts-expect-error a callback may be invalid
  @OnPost() validOnly(_callback: ValidCallback) {}
  // @ts-expect-error a callback may be invalid, or about a payout
  @OnPost() paymentOnly(_callback: PaymentCallback) {}
  // @ts-expect-error a callback may be valid
  @OnPost() invalidOnly(_callback: InvalidCallback) {}
  // @ts-expect-error a callback may be invalid
  @OnGet() validOnlyByGet(_callback: ValidCallback) {}
  // @ts-expect-error a verb's callback is within no transaction
  @OnPost() stored(_callback: StoredCallback<'S'>) {}
  // @ts-expect-error nobody gives a second argument
  @OnPost() twoParameters(_callback: Callback, _more: string) {}
  // @ts-expect-error a number is not a reply
  @OnPost() number(_callback: Callback) {
    return 1;
  }
  // @ts-expect-error a number is not a reply, even later
  @OnPost() async numberLater(_callback: Callback) {
    return 1;
  }
  // @ts-expect-error an object is not a reply: reply.json makes one of it
  @OnGet() object(_callback: Callback) {
    return { status: 200, body: 'OK' };
  }
  // @ts-expect-error a boolean is not a reply
  @OnGet() boolean(callback: Callback) {
    return callback.valid;
  }
  // @ts-expect-error null is not at a reply
  @OnGet() nothing(_callback: Callback) {
    return null;
  }
  // @ts-expect-error the reply of an adapter is not the reply of a handler
  @OnGet() adapterReply(_callback: Callback): CallbackReply {
    return { status: 200, headers: {}, body: '' };
  }
  // @ts-expect-error a getter is not a method
  @OnPost() get getter() {
    return 'OK';
  }
}

// @ts-expect-error allowInvalidData is boolean
@DragonpayCallback({ allowInvalidData: 'yes' })
export class WrongOption {}

// @ts-expect-error there is no such option
@DragonpayCallback({ updateOnPost: true })
export class UnknownOption {}

// @ts-expect-error options or positions, not both
@DragonpayCallback({ updateOnGet: true }, true)
export class OptionsAndPosition {}

// @ts-expect-error positions are boolean
@DragonpayCallback('GET')
export class WrongPosition {}

@DragonpayCallback({})
export class EmptyOptions {}
@DragonpayCallback({ updateOnGet: true, allowInvalidData: false })
export class BothOptions {}
@DragonpayCallback(true)
export class OnePosition {}
@DragonpayCallback(false, true)
export class BothPositions {}
@DragonpayCallback()
export class WithServices {
  constructor(readonly service: RightForVerbs) {}
}
@DragonpayCallback()
export abstract class AbstractBase {
  @OnPost() settle(_callback: Callback) {}
}

@DragonpayCallback()
export class RightForStatus {
  @OnStatus('S') ship(_callback: StoredCallback<'S'>) {}
  @OnStatus('S') async shipLater(_callback: StoredCallback<'S'>) {}
  @OnStatus('S', 'F') closed(_callback: StoredCallback<'S' | 'F'>) {}
  @OnStatus('S') widerStatus(_callback: StoredCallback<'S' | 'F' | 'P'>) {}
  @OnStatus('S') anyStatus(_callback: StoredCallback) {}
  @OnStatus('S') paymentCallback(_callback: PaymentCallback) {}
  @OnStatus('S') validCallback(_callback: ValidCallback) {}
  @OnStatus('S') anyCallback(_callback: Callback) {}
  @OnStatus('S') noParameter() {}
  @OnStatus('S') withTransaction(_callback: StoredCallback<'S', { query(sql: string): Promise<void> }>) {}
  @OnStatus('S', { kind: 'payment' }) spelledOut(_callback: StoredCallback<'S'>) {}
  @OnStatus('S', {}) emptyOptions(_callback: StoredCallback<'S'>) {}
  @OnStatus('G', { kind: 'payout' }) underWay(_callback: StoredCallback<'G', unknown, 'payout'>) {}
  @OnStatus('S', 'F', { kind: 'payout' }) payoutClosed(_callback: StoredCallback<'S' | 'F', unknown, 'payout'>) {}
}

@DragonpayCallback()
export class WrongForStatus {
  // @ts-expect-error the annotation excludes S
  @OnStatus('S') excluded(_callback: StoredCallback<'P'>) {}
  // @ts-expect-error the annotation excludes F
  @OnStatus('S', 'F') excludesOne(_callback: StoredCallback<'S'>) {}
  // @ts-expect-error there is no such status
  @OnStatus('X') noStatus(_callback: StoredCallback) {}
  // @ts-expect-error statuses are upper case
  @OnStatus('s') lowerCase(_callback: StoredCallback) {}
  // @ts-expect-error statuses are given one by one
  @OnStatus('SF') twoInOne(_callback: StoredCallback) {}
  // @ts-expect-error at least one status
  @OnStatus() none(_callback: StoredCallback) {}
  // @ts-expect-error at least one status
  @OnStatus({ kind: 'payout' }) onlyOptions(_callback: StoredCallback<'S', unknown, 'payout'>) {}
  // @ts-expect-error G is a status of payouts
  @OnStatus('G') payoutStatus(_callback: StoredCallback<'G'>) {}
  // @ts-expect-error G is a status of payouts
  @OnStatus('G', { kind: 'payment' }) payoutStatusOfPayment(_callback: StoredCallback<'G'>) {}
  // @ts-expect-error R is a status of payments
  @OnStatus('R', { kind: 'payout' }) paymentStatus(_callback: StoredCallback<'R', unknown, 'payout'>) {}
  // @ts-expect-error there is no such kind
  @OnStatus('S', { kind: 'refund' }) noKind(_callback: StoredCallback<'S'>) {}
  // @ts-expect-error the annotation is a payment's
  @OnStatus('S', { kind: 'payout' }) paymentAnnotation(_callback: StoredCallback<'S'>) {}
  // @ts-expect-error the annotation is a payout's
  @OnStatus('S') payoutAnnotation(_callback: StoredCallback<'S', unknown, 'payout'>) {}
  // @ts-expect-error an effect has no reply
  @OnStatus('S') replies(_callback: StoredCallback<'S'>) {
    return 'thank you';
  }
  // @ts-expect-error what is stored is valid
  @OnStatus('S') invalid(_callback: InvalidCallback) {}
  // @ts-expect-error options come last
  @OnStatus({ kind: 'payment' }, 'S') optionsFirst(_callback: StoredCallback<'S'>) {}
}

@DragonpayCallback()
export class RightAround {
  @OnDispatch() around(_request: CallbackRequest, next: () => Promise<CallbackReply>) {
    return next();
  }
  @OnDispatch() async aroundLater(request: CallbackRequest, next: () => Promise<CallbackReply>) {
    const answer = await next();
    return { ...answer, headers: { ...answer.headers, 'X-Method': request.method } };
  }
}

@DragonpayCallback()
export class WrongAround {
  // @ts-expect-error there has to be a reply
  @OnDispatch() async noReply(_request: CallbackRequest, next: () => Promise<CallbackReply>) {
    await next();
  }
  // @ts-expect-error next gives a promise of a reply
  @OnDispatch() wrongNext(_request: CallbackRequest, next: () => CallbackReply) {
    return next();
  }
  // @ts-expect-error a callback is not a request
  @OnDispatch() callback(_callback: Callback, next: () => Promise<CallbackReply>) {
    return next();
  }
}

/** Without decorator syntax, the same methods are accepted and refused. */
class Undecorated {
  ship(_callback: StoredCallback<'S'>) {}
  show(callback: Callback) {
    return callback.valid ? 'valid' : undefined;
  }
  count() {
    return 1;
  }
}

decorateHandler(Undecorated, { ship: OnStatus('S'), show: OnGet() });
decorateHandler(Undecorated, { show: OnPost() }, { updateOnGet: true });
// @ts-expect-error the parameter excludes the status F
decorateHandler(Undecorated, { ship: OnStatus('F') });
// @ts-expect-error a number is not a reply
decorateHandler(Undecorated, { count: OnGet() });
// @ts-expect-error there is no such method
decorateHandler(Undecorated, { shwo: OnGet() });
