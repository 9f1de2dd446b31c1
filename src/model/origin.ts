import type { ProofAlgorithm } from '../protocol/signed-text.js';

/**
 * Where news of a payment came from: a callback, the gateway's answer to an inquiry, an event of the inbox that is put
 * through again, or the merchant's own hand.
 */
export type Origin = 'callback' | 'inquiry' | 'replay' | 'correction';

/**
 * What vouches for an event: one of the three proofs, the gateway that answered over an authenticated call, or the
 * merchant's own hand.
 */
export type ProofKind = ProofAlgorithm | 'inquiry' | 'manual';

/** What vouches for a callback. */
export interface Proof {
  readonly algorithm: ProofKind;
  /**
   * Which key: for RSA the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo, for secrets their place
   * in the settings (`secretKeys[0]`), since anything computed from a secret could be guessed at. For an inquiry
   * `apiKey`, for a correction by hand who made it.
   */
  readonly keyId: string;
}

/** What an inquiry is answered with beside the fields that callbacks have. */
export interface InquiryDetails {
  /** When the payment was made. The gateway writes Manila's time. */
  readonly refDate: Date | undefined;
  /** When the money is, or was, settled. */
  readonly settleDate: Date | undefined;
  /** Dragonpay's fee, as a decimal string. */
  readonly fee: string | undefined;
}
