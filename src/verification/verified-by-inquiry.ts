import type { InquiryDetails } from '../model/origin.js';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import type { CheckedCallback } from '../protocol/fields.js';

/**
 * Takes the gateway's answer for verified: it was given over https, to a call that only this merchant can make, and
 * names the payment that was asked about. The caller has checked the last, and the shapes.
 */
export function verifiedByInquiry(
  answer: CheckedCallback,
  inquiry: InquiryDetails,
  raw: () => string,
  merchantId: string,
): VerifiedCallback {
  const proof = { algorithm: 'inquiry', keyId: 'apiKey' } as const;
  return toVerified(answer, { origin: 'inquiry', method: undefined, inquiry, raw, proof }, 'all', merchantId);
}
