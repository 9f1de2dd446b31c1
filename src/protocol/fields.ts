import type { CallbackKind } from './kinds.js';

/** The fields of the protocol, by their lower-case names. Everything else on the wire is kept, and ignored. */
export const knownFieldNames = [
  'txnid',
  'merchanttxnid',
  'refno',
  'status',
  'message',
  'digest',
  'signature',
  'signatures',
  'merchantid',
  'param1',
  'param2',
  'amount',
  'ccy',
  'procid',
  'settledate',
] as const;

/** The lower-case name of a field of the protocol. */
export type KnownFieldName = (typeof knownFieldNames)[number];

/** Known fields, exactly as sent: decoded once, not trimmed. */
export type KnownFields = { [name in KnownFieldName]?: string | undefined };

/** Fields whose shapes hold. Empty optional fields are absent, `amount` has two decimals. Nothing is proven yet. */
export interface CheckedCallback {
  readonly kind: CallbackKind;
  readonly txnid?: string;
  readonly merchantTxnId?: string;
  readonly refno: string;
  readonly status: string;
  readonly message: string;
  readonly merchantid?: string;
  readonly param1?: string;
  readonly param2?: string;
  readonly amount?: string;
  readonly ccy?: string;
  readonly procid?: string;
  readonly settledate?: string;
  /** SHA-1 proof. */
  readonly digest?: string;
  /** HMAC-SHA256 proof. */
  readonly signature?: string;
  /** RSA-SHA256 proof. */
  readonly signatures?: string;
}
