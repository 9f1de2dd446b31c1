/**
 * Receives Dragonpay's payment and payout callbacks: verified, stored once and in order, and handed to the methods of
 * a decorated class. Imports no database and no framework.
 */

// What a handler receives and returns
export type {
  Callback,
  InvalidCallback,
  PaymentCallback,
  PaymentData,
  PayoutCallback,
  PayoutData,
  QueuedCallback,
  StoredCallback,
  UnrecognizedStatus,
  UnsignedData,
  ValidCallback,
} from './callback.js';
// The seam for servers without an adapter
export type { BodyRead, CallbackEndpoint, CallbackReply, CallbackRequest } from './callback-request.js';
// The receiver
export { createDragonpay, type Dragonpay, type EndpointOptions } from './create-dragonpay.js';
// Decorators
export {
  DragonpayCallback,
  type DragonpayCallbackOptions,
  type HandlerClassDecorator,
} from './decorators/dragonpay-callback.js';
export type { HandlerClass } from './decorators/handler-metadata.js';
export { type DispatchMethod, OnDispatch } from './decorators/on-dispatch.js';
export { type CallbackMethod, type HandlerMethodDecorator, OnGet } from './decorators/on-get.js';
export { OnPost } from './decorators/on-post.js';
export {
  OnStatus,
  type OnStatusOptions,
  type QueuedMethod,
  type QueuedOptions,
  type StatusMethod,
} from './decorators/on-status.js';
export { CallbackDispatcher, type DispatcherParts } from './dispatcher.js';
// Failures and news
export { DragonpayError, type FailureCode } from './errors.js';
export type { Environment, Fetch } from './gateway.js';
export { generateTxnId, type TxnIdOptions } from './generate-txn-id.js';
export type { HandlerOption } from './handlers.js';
export type {
  HandlerFailedEvent,
  Hooks,
  ReceivedEvent,
  RejectedEvent,
  RepliedEvent,
  StoredEvent,
} from './hooks.js';
export type { Issue } from './preprocessing/read-fields.js';
export type { CallbackKind, PaymentStatus, PayoutStatus, Status } from './preprocessing/transaction-status.js';
// Work after the commit, and what nobody called about
export type { Job, JobPayload, JobQueue } from './queue/job.js';
export type { QueueWorker } from './queue/queue-worker.js';
export type { InquiredEvent, ReconcileReport } from './reconcile/reconcile.js';
// Where callbacks are stored
export type { CallbackRepository, StatusEffect } from './repository/callback-repository.js';
export type {
  AppliedUpdate,
  CallbackUpdate,
  Mismatch,
  RecordedOutcome,
  RecordedUpdate,
  SkippedUpdate,
  UpdateOutcome,
} from './repository/callback-update.js';
export type { Change, CorrectableRepository, Correction, CorrectionOptions } from './repository/correction.js';
export { decideUpdate, type MovableRow, reviewReasons } from './repository/decide-update.js';
export type { InboxFilter } from './repository/inbox-filter.js';
export { MemoryRepository, type MemoryTransaction } from './repository/memory-repository.js';
export type { InquiryClaim, ReconcilableRepository } from './repository/reconcilable-repository.js';
export type { EventKey, KeptEvent, ReplayableRepository } from './repository/replayable-repository.js';
export type {
  InboxEvent,
  KeptOutcome,
  PayoutDetails,
  PayoutRow,
  ReviewReason,
  TransactionDetails,
  TransactionRow,
} from './repository/rows.js';
export { type HandlerReply, type HandlerResult, type ReplyOptions, reply } from './response/reply.js';
export type {
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
} from './settings.js';
export { settingsFromEnv } from './settings-from-env.js';
export type { Confirm } from './store-callback.js';
export type { PublicKeyInput } from './verification/public-keys.js';
export type { SignedField, SignedText, TextEncoding } from './verification/signed-text.js';
export type {
  InquiryDetails,
  Origin,
  Proof,
  ProofAlgorithm,
  ProofKind,
  VerifiedCallback,
} from './verification/verified-callback.js';
export type { CorrectOptions, ReconcileOptions } from './without-request.js';
