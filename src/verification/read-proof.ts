/**
 * Reads a proof of `length` bytes. A proof means the same however its bytes are written: hex of either letter case, also
 * with `-` or `:` between the bytes as .NET and OpenSSL print it, base64 or base64url, with or without padding, with line
 * breaks, or encoded once too often. In base64 a space is a `+` that was not escaped. Any other space is an error.
 * `undefined`: the text is not a proof of this length.
 */
export function readProof(text: string, length: number): Buffer | undefined {
  if (text.length > 12 * length) return undefined;
  // Hex is tried first, because `digest` and `signature` hold it.
  if (text.length === 2 * length && /^[0-9a-fA-F]+$/.test(text)) return Buffer.from(text, 'hex');
  return readProofs(text).find((bytes) => bytes.length === length);
}

/** Reads a proof whose length is not known: as hex, and as base64. Empty if the text is neither. */
export function readProofs(text: string): Buffer[] {
  // Nearly all proofs are plain base64. To encode the bytes again is a cheaper check than a regular expression.
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length > 0 && bytes.toString('base64') === text && !isHex(text)) return [bytes];
  const compact = decoded(text).replace(/[\r\n\t]/g, '');
  const base64 = compact.replaceAll(' ', '+');
  return [
    ...(isHex(compact) ? [Buffer.from(compact, 'hex')] : []),
    ...(/^[0-9a-fA-F]{2}(?:[-:][0-9a-fA-F]{2})+$/.test(compact)
      ? [Buffer.from(compact.replace(/[-:]/g, ''), 'hex')]
      : []),
    ...(/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64) ? [Buffer.from(base64, 'base64')] : []),
  ];
}

function isHex(text: string): boolean {
  return /^(?:[0-9a-fA-F]{2})+$/.test(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
