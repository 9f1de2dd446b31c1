/**
 * Reads a proof of `length` bytes. A proof means the same however its bytes are written: hex of either letter case,
 * base64 or base64url, with or without padding, with line breaks, or encoded once too often. In base64 a space is a
 * `+` that was not escaped. Any other space is an error. `undefined`: the text is not a proof of this length.
 */
export function readProof(text: string, length: number): Buffer | undefined {
  if (text.length > 12 * length) return undefined;
  // Hex first: it is what digest and signature hold.
  if (text.length === 2 * length && /^[0-9a-fA-F]+$/.test(text)) return Buffer.from(text, 'hex');
  const written = text.includes('%') ? decoded(text) : text;
  const compact = written.replace(/[\r\n\t]/g, '');
  if (compact.length === 2 * length && /^[0-9a-fA-F]+$/.test(compact)) return Buffer.from(compact, 'hex');
  return readBase64(compact.replaceAll(' ', '+'), length);
}

function readBase64(text: string, length: number): Buffer | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length ? bytes : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
