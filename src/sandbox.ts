/** A Dragonpay of one's own: a gateway that behaves like the test gateway, and misbehaves on request. */
export type { Channel, ChannelKind } from './sandbox/channels.js';
export type { PaymentDetails, SandboxPayment, SandboxPayout, SandboxPayoutDetails } from './sandbox/ledger.js';
export type { Misbehaviour } from './sandbox/misbehaviour.js';
export type { Postback, PostbackAnswer, PostbackCause, PostbackState } from './sandbox/postback-log.js';
export type { RegisteredUrls, SandboxOptions, SandboxSettings } from './sandbox/sandbox-options.js';
export type { KeyStatus, ListedKey } from './sandbox/signing-keys.js';
export { type Sandbox, startSandbox } from './sandbox/start-sandbox.js';
export type { CreatedPayment, Settlement, SettleOptions } from './sandbox/test-gateway.js';
