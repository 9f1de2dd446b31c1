/** Iterates over the pairs of a form without decoding them. */
export class FormPairs {
  name = '';
  value = '';
  /** Whether name and value need no decoding and hold no NUL. */
  isPlain = true;
  isNamePlain = true;
  readonly #form: string;
  #next = 0;
  #special = -1;

  constructor(form: string) {
    this.#form = form;
  }

  next(): boolean {
    const form = this.#form;
    while (this.#next < form.length) {
      const start = this.#next;
      let end = form.indexOf('&', start);
      if (end < 0) end = form.length;
      this.#next = end + 1;
      if (end === start) continue;
      let equals = form.indexOf('=', start);
      if (equals < 0 || equals > end) equals = end;
      if (this.#special < start) this.#special = nextSpecial(form, start);
      this.name = form.slice(start, equals);
      this.value = form.slice(equals + 1, end);
      this.isPlain = this.#special >= end;
      this.isNamePlain = this.#special >= equals;
      return true;
    }
    return false;
  }
}

const specialCharacters = /[+%\0\u0080-\uffff]/g;

/** The index of the next character that needs decoding, or the length of the form. */
function nextSpecial(form: string, from: number): number {
  specialCharacters.lastIndex = from;
  return specialCharacters.test(form) ? specialCharacters.lastIndex - 1 : form.length;
}

/** A percent sign that does not begin an escape. It stands for itself, as in browsers. */
const strayPercent = /%(?![0-9a-fA-F]{2})/g;

/** Decodes a name or value. `undefined`: the bytes are not UTF-8. */
export function decodeComponent(raw: string): string | undefined {
  return decodeAscii(raw) ?? decodeUtf8(raw);
}

function decodeUtf8(raw: string): string | undefined {
  try {
    const escaped = raw.replaceAll('+', ' ').replace(strayPercent, '%25');
    return decodeURIComponent(escaped.replace(/[\u0080-\u00ff]/g, percentEncode));
  } catch {
    return undefined;
  }
}

/**
 * Fast path for ASCII, in less than half of the time. A string that is joined from pieces would be copied again when it
 * is read. `undefined`: the text is not ASCII, malformed or long, so the slow path must decode it.
 */
export function decodeAscii(raw: string): string | undefined {
  if (raw.length > longest) return undefined;
  // A character that is not ASCII becomes bytes of 0x80 and more.
  const end = scratch.write(raw);
  let length = 0;
  for (let at = 0; at < end; at++) {
    let byte = scratch[at] as number;
    if (byte === plus) byte = space;
    else if (byte === percent) {
      byte = at + 2 < end ? 16 * hexDigit(scratch[at + 1] as number) + hexDigit(scratch[at + 2] as number) : Number.NaN;
      at += 2;
    }
    if (!(byte < 0x80)) return undefined;
    scratch[length++] = byte;
  }
  return scratch.toString('latin1', 0, length);
}

/** Values longer than this are rare. */
const longest = 1024;

/** Values are decoded in place in this buffer. A character takes at most three bytes. */
const scratch = Buffer.alloc(3 * longest);

const plus = 0x2b;
const percent = 0x25;
const space = 0x20;

/** The value of a hex digit, or NaN. */
function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lowerCase = unit | 0x20;
  return lowerCase >= 0x61 && lowerCase <= 0x66 ? lowerCase - 0x57 : Number.NaN;
}

/**
 * Decodes a value that a body parser may have given up on. Parsers such as qs leave all escapes of a value as they are
 * if a percent sign in it is not the start of an escape.
 */
export function decodeLeftovers(value: string): string {
  const mayBeLeft = value.search(strayPercent) >= 0 && /%[0-9a-fA-F]{2}/.test(value);
  if (!mayBeLeft) return value;
  const bytes = Buffer.from(value.replaceAll('+', '%2b'), 'utf8').toString('latin1');
  return decodeComponent(bytes) ?? value;
}

/** The percent escape of one Latin-1 character. */
export function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
