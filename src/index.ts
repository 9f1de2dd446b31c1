/**
 * Receives the payment and payout callbacks of Dragonpay: verifies them, stores them once and in order, and passes them
 * to the methods of a decorated class. Imports no database and no framework.
 */

// The receiver
export { createDragonpay, type Dragonpay, type DragonpayStatus, type EndpointOptions } from './create-dragonpay.js';
// Decorators
export { decorateHandler, type MethodDecorators } from './decorators/decorate-handler.js';
export {
  DragonpayCallback,
  type DragonpayCallbackOptions,
  type HandlerClassDecorator,
} from './decorators/dragonpay-callback.js';
export type { HandlerClass } from './decorators/handler-metadata.js';
export type { CallbackMethod, HandlerMethodDecorator } from './decorators/method-decorator.js';
export { type DispatchMethod, OnDispatch } from './decorators/on-dispatch.js';
export { OnGet } from './decorators/on-get.js';
export { OnPost } from './decorators/on-post.js';
export {
  OnStatus,
  type OnStatusOptions,
  type QueuedMethod,
  type QueuedOptions,
  type StatusMethod,
} from './decorators/on-status.js';
// Finding out how a gateway signs
export { type Diagnosis, diagnoseCallback, type ProofDiagnosis } from './diagnosis/diagnose-callback.js';
export { CallbackDispatcher } from './dispatcher.js';
// Failures and hooks
export { DragonpayError, type FailureCode, type ReplyCode } from './errors.js';
export type { Fetch } from './gateway/gateway-client.js';
export type { HandlerOption } from './handling/handler-registry.js';
// Work after the commit
export type { Job, JobPayload, JobQueue } from './jobs/job.js';
export type { QueueWorker } from './jobs/job-worker.js';
// What a handler receives and returns
export type {
  Callback,
  InvalidCallback,
  PaymentCallback,
  PayoutCallback,
  QueuedCallback,
  StoredCallback,
  UnrecognizedStatus,
  ValidCallback,
} from './model/callback.js';
export type { PaymentData, PayoutData, UnsignedData } from './model/callback-data.js';
// The seam for servers without an adapter
export type { BodyRead, CallbackEndpoint, CallbackReply, CallbackRequest } from './model/callback-request.js';
export type {
  AppliedUpdate,
  CallbackUpdate,
  Mismatch,
  RecordedOutcome,
  RecordedUpdate,
  SkippedUpdate,
  UpdateOutcome,
} from './model/callback-update.js';
export { isSameEvent, moreExactFingerprint } from './model/fingerprint.js';
export type { Issue } from './model/issue.js';
export type { InquiryDetails, Origin, Proof, ProofKind } from './model/origin.js';
export type {
  EventKey,
  InboxEvent,
  KeptEvent,
  KeptOutcome,
  PaymentDetails,
  PaymentRow,
  PayoutDetails,
  PayoutRow,
  ReviewReason,
} from './model/rows.js';
export type { VerifiedCallback } from './model/verified-callback.js';
export type {
  DispatchTrace,
  EffectTrace,
  InquiryTrace,
  JobTrace,
  StoreTrace,
  TraceChannels,
} from './observability/channels.js';
export type {
  HandlerFailedEvent,
  Hooks,
  InquiredEvent,
  KeepUpFailedEvent,
  KeysFailedEvent,
  ReceivedEvent,
  RejectedEvent,
  RepliedEvent,
  ReplyFailedEvent,
  StoredEvent,
} from './observability/hooks.js';
export type { KeepRefused, RefusedCallback } from './observability/refused-callbacks.js';
export type { CorrectOptions } from './operations/correct.js';
export type { KeepUpOptions } from './operations/keep-up.js';
export type { ReconcileOptions, ReconcileReport } from './operations/reconcile.js';
export type { ProofAlgorithm, SignedField } from './protocol/fields.js';
export type { Environment } from './protocol/gateway-addresses.js';
export { generateTxnId, type TxnIdOptions } from './protocol/generate-txn-id.js';
export type { CallbackKind } from './protocol/kinds.js';
export { type MessageCode, messageCode } from './protocol/message-codes.js';
export type { AmountFormat, SignedText, TextEncoding } from './protocol/signed-text.js';
export type { PaymentStatus, PayoutStatus, Status } from './protocol/statuses.js';
// Where callbacks are stored
export type { CallbackRepository, StatusEffect } from './repository/callback-repository.js';
export type {
  CatchUpRepository,
  ConfirmableRepository,
  CorrectableRepository,
  InquiryClaim,
  MerchantRepository,
  ReconcilableRepository,
  ReplayableRepository,
} from './repository/capabilities.js';
export type { Change, Correction, CorrectionOptions } from './repository/correction.js';
export { type DecidableRow, decideUpdate, type MovableRow, reviewReasons } from './repository/decide-update.js';
export type { InboxFilter } from './repository/inbox-page.js';
export { MemoryRepository, type MemoryTransaction } from './repository/memory-repository.js';
export { type HandlerReply, type HandlerResult, type ReplyOptions, reply } from './response/reply.js';
export type {
  Confirm,
  DragonpaySettings,
  HmacSettings,
  InquirySettings,
  Limits,
  PayoutSettings,
  Resolver,
  RsaSettings,
  Sha1Settings,
  VerificationSettings,
  WireSettings,
} from './settings/settings.js';
export { settingsFromEnv } from './settings/settings-from-env.js';
export type { PublicKeyInput, PublicKeysStatus } from './verification/public-keys.js';
