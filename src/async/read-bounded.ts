/** The part of a body that was read. */
export interface BoundedBody {
  readonly bytes: Buffer;
  /** Whether this is the whole body. */
  readonly isWhole: boolean;
}

/**
 * Reads at most `limit` bytes of a body: the `body` of a fetch Response, or a message of node:http. Rejects if the body
 * breaks off.
 * @param rest `cancel` stops at the limit, which closes the connection. `drain` reads the rest and drops it, so that a
 *   client that is still sending can read the answer.
 */
export async function readBounded(
  body: AsyncIterable<Uint8Array> | null,
  limit: number,
  rest: 'cancel' | 'drain' = 'cancel',
): Promise<BoundedBody> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    if (length < limit) chunks.push(chunk);
    length += chunk.byteLength;
    if (length > limit && rest === 'cancel') break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, limit), isWhole: length <= limit };
}
