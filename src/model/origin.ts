import type { ProofAlgorithm } from '../protocol/fields.js';

/**
 * Where a status came from: a callback, the gateway's answer to an inquiry, an event of the inbox that is replayed, or a
 * correction by the merchant.
 */
export type Origin = 'callback' | 'inquiry' | 'replay' | 'correction';

/**
 * The reason to trust an event: one of the three proofs, the gateway's answer to an authenticated call, or a correction
 * by the merchant.
 */
export type ProofKind = ProofAlgorithm | 'inquiry' | 'manual';

/** The proof of a callback. */
export interface Proof {
  readonly algorithm: ProofKind;
  /**
   * The key that matched. For RSA: the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo. For secrets:
   * the position in the settings (`secretKeys[0]`), because a value computed from a secret would help to guess it. For
   * an inquiry: `apiKey`. For a correction: the person who made it.
   */
  readonly keyId: string;
  /** The position in `also` of the reading that matched, from 1. `undefined`: the first reading matched. */
  readonly reading?: number;
}

/** The parts of the gateway's answer to an inquiry that callbacks do not have. */
export interface InquiryDetails {
  /** When the payment was made. */
  readonly refDate: Date | undefined;
  /** When the money is settled. */
  readonly settleDate: Date | undefined;
  /** Dragonpay's fee, as a decimal string. */
  readonly fee: string | undefined;
}
