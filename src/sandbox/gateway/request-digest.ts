import { createHash, timingSafeEqual } from 'node:crypto';
import { encodeText } from '../../protocol/signed-text.js';

/**
 * Whether the digest of a request to the payment page is right: the SHA-1 of merchantid, txnid, amount, ccy,
 * description, email and the secret key, joined with `:`. Merchants hash the text as ASCII or as UTF-8.
 * @param amount the amount of the request with two decimals
 */
export function requestDigestHolds(query: URLSearchParams, amount: string, secretKey: string): boolean {
  const part = (name: string) => query.get(name) ?? '';
  const parts = [part('merchantid'), part('txnid'), amount, part('ccy'), part('description'), part('email'), secretKey];
  const given = Buffer.from(part('digest').toLowerCase());
  return (['utf8', 'ascii'] as const).some((encoding) => {
    const expected = Buffer.from(
      createHash('sha1')
        .update(encodeText(parts.join(':'), encoding))
        .digest('hex'),
    );
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
