/** Iterates over the pairs of a form without decoding them. */
export class FormPairs {
  name = '';
  value = '';
  /** Whether name and value need no decoding and hold no NUL. */
  isPlain = true;
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

/** A percent sign that is not the start of an escape. It stands for itself, as in browsers. */
const strayPercent = /%(?![0-9a-fA-F]{2})/g;

/** Decodes a name or value. `undefined`: the bytes are not UTF-8. */
export function decodeComponent(raw: string): string | undefined {
  const plain = decodeAscii(raw);
  if (plain !== undefined) return plain;
  try {
    const escaped = raw.replaceAll('+', ' ').replace(strayPercent, '%25');
    return decodeURIComponent(escaped.replace(/[\u0080-\u00ff]/g, percentEncode));
  } catch {
    return undefined;
  }
}

/** Fast path for ASCII, about half the cost. `undefined`: not ASCII or malformed, use the slow path. */
function decodeAscii(raw: string): string | undefined {
  let text = '';
  let from = 0;
  for (let at = nextSpecial(raw, 0); at < raw.length; at = nextSpecial(raw, from)) {
    const unit = raw.charCodeAt(at);
    const code = unit === plus ? space : unit === percent ? hexByte(raw, at + 1) : Number.NaN;
    if (!(code < 0x80)) return undefined;
    text += raw.slice(from, at) + String.fromCharCode(code);
    from = at + (unit === plus ? 1 : 3);
  }
  return from === 0 ? raw : text + raw.slice(from);
}

const plus = 0x2b;
const percent = 0x25;
const space = 0x20;

/** The value of two hex digits, or NaN. */
function hexByte(text: string, at: number): number {
  return 16 * hexDigit(text.charCodeAt(at)) + hexDigit(text.charCodeAt(at + 1));
}

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
  return mayBeLeft ? (decodeComponent(value.replaceAll('+', '%2b')) ?? value) : value;
}

/** The percent escape of one Latin-1 character. */
export function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
