/** A local gateway that behaves like Dragonpay's test gateway, and misbehaves on request. */
export type { Channel, ChannelKind } from './sandbox/gateway/channels.js';
export type { KeyStatus, ListedKey } from './sandbox/gateway/key-ring.js';
export type {
  SandboxPayment,
  SandboxPaymentDetails,
  SandboxPayout,
  SandboxPayoutDetails,
} from './sandbox/gateway/ledger.js';
export type { Misbehaviour } from './sandbox/gateway/misbehaviour.js';
export type { Postback, PostbackAnswer, PostbackCause, PostbackState } from './sandbox/gateway/postback-log.js';
export type { CreatedPayment, Settlement, SettleOptions } from './sandbox/gateway/test-gateway.js';
export type { RegisteredUrls, SandboxOptions, SandboxSettings } from './sandbox/sandbox-options.js';
export { type Sandbox, startSandbox } from './sandbox/start-sandbox.js';
