/**
 * A form decoder that is slow and obviously right: one byte after the other, with no fast path. The decoder of the
 * package is compared with it.
 */

/** A pair of a form. `undefined`: the bytes are not UTF-8. */
export interface SlowPair {
  readonly rawName: string;
  readonly rawValue: string;
  readonly name: string | undefined;
  readonly value: string | undefined;
}

/** Reads a form of one character per byte. */
export function slowPairs(form: string): SlowPair[] {
  const pairs: SlowPair[] = [];
  for (const part of form.split('&')) {
    if (part === '') continue;
    const [rawName = '', ...values] = part.split('=');
    const rawValue = values.join('=');
    pairs.push({ rawName, rawValue, name: slowDecode(rawName), value: slowDecode(rawValue) });
  }
  return pairs;
}

function slowDecode(text: string): string | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const hex = text.slice(at + 1, at + 3);
    if (text[at] === '+') bytes.push(0x20);
    else if (text[at] === '%' && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    } else bytes.push(text.charCodeAt(at));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** Removes what may stand around a form: a byte order mark in front, and line ends. */
export function slowUnframed(form: string): string {
  let text = form;
  if (text.startsWith('\xef\xbb\xbf')) text = text.slice(3);
  else if (text.slice(0, 9).toLowerCase() === '%ef%bb%bf') text = text.slice(9);
  for (let found: string | undefined = ''; found !== undefined; ) {
    found = ['\r', '\n', '%0d', '%0a'].find((end) => text.slice(0, end.length).toLowerCase() === end);
    text = text.slice(found?.length ?? 0);
  }
  while (text.endsWith('\r') || text.endsWith('\n')) text = text.slice(0, -1);
  return text;
}

/** Only A to Z. */
export function slowFold(name: string): string {
  return [...name].map((one) => (one >= 'A' && one <= 'Z' ? one.toLowerCase() : one)).join('');
}

/** The bytes that a proof may stand for, as hex, base64 or base64url, and with one more escaping. */
export function slowProofs(text: string): Buffer[] {
  const found: Buffer[] = [];
  const texts = [text];
  try {
    texts.push(decodeURIComponent(text));
  } catch {
    // The text has no further escaping.
  }
  for (const one of texts) {
    const compact = one.split(/[\r\n\t]/).join('');
    const apart = compact.split(/[-:]/);
    if (apart.length > 1 && apart.every((two) => /^[0-9a-fA-F]{2}$/.test(two)))
      found.push(Buffer.from(apart.map((two) => Number.parseInt(two, 16))));
    if (/^([0-9a-fA-F]{2})+$/.test(compact))
      found.push(Buffer.from(compact.match(/../g)?.map((two) => Number.parseInt(two, 16)) ?? []));
    found.push(slowBase64(compact.split(' ').join('+')));
  }
  return found;
}

function slowBase64(text: string): Buffer {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let bits = '';
  for (const one of text.replace(/=+$/, '')) {
    const place = letters.indexOf(one === '-' ? '+' : one === '_' ? '/' : one);
    if (place < 0) return Buffer.alloc(0);
    bits += place.toString(2).padStart(6, '0');
  }
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}
