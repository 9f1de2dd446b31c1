import type { InquiryDetails } from '../model/origin.js';
import { toVerified, type VerifiedCallback } from '../model/verified-callback.js';
import type { CheckedCallback } from '../protocol/fields.js';

/**
 * Makes a callback from the gateway's answer to an inquiry. The answer counts as verified because it came over https
 * and only this merchant can make the call. The caller has checked the shapes of the fields, and that the answer is
 * about this payment.
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
