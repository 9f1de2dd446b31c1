import { inspect } from 'node:util';

/** Looks for secrets in all output: replies, logs, errors and traces. */
export class SecretWatch {
  readonly #forms: ReadonlyMap<string, string>;
  readonly #found = new Set<string>();
  /** How many texts were looked at. */
  count = 0;

  /** @param secrets the secrets, by their names */
  constructor(secrets: Readonly<Record<string, string>>) {
    const forms = new Map<string, string>();
    for (const [name, secret] of Object.entries(secrets)) {
      for (const [form, text] of Object.entries(formsOf(secret))) forms.set(text.toLowerCase(), `${name} (${form})`);
    }
    this.#forms = forms;
  }

  /** Looks at a value: as text, as JSON, and as `util.inspect` shows it to any depth. */
  say(where: string, value: unknown): void {
    const texts = typeof value === 'string' ? [value] : [String(value), json(value), inspect(value, shown)];
    for (const text of texts) {
      this.count++;
      const said = text.toLowerCase();
      for (const [form, name] of this.#forms) if (said.includes(form)) this.#found.add(`${where}: ${name}`);
    }
  }

  /** Looks for further texts in one value, such as the right proofs of one callback. */
  sayNever(where: string, value: unknown, texts: readonly string[]): void {
    const once = new SecretWatch(Object.fromEntries(texts.map((text, index) => [`proof ${index}`, text])));
    once.say(where, value);
    for (const one of once.found) this.#found.add(one);
  }

  get found(): readonly string[] {
    return [...this.#found];
  }
}

const shown = {
  depth: Number.POSITIVE_INFINITY,
  showHidden: true,
  maxStringLength: null,
  maxArrayLength: null,
} as const;

function json(value: unknown): string {
  return JSON.stringify(value, (_name, one) => (typeof one === 'bigint' ? String(one) : one)) ?? '';
}

/** The forms in which a secret may be written. In base64, it may also stand in the middle of a longer text. */
function formsOf(secret: string): Readonly<Record<string, string>> {
  const bytes = Buffer.from(secret);
  const shifted = [1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    return text.slice(before + 1, -1);
  });
  return {
    plain: secret,
    hex: bytes.toString('hex'),
    // As `util.inspect` and `JSON.stringify` show a Buffer.
    'bytes in hex': bytes.toString('hex').replace(/..(?!$)/g, '$& '),
    'bytes as numbers': bytes.join(),
    base64: bytes.toString('base64').replace(/.=*$/, ''),
    base64url: bytes.toString('base64url').slice(0, -1),
    'base64 behind one byte': shifted[0] as string,
    'base64 behind two bytes': shifted[1] as string,
    'url-encoded': encodeURIComponent(secret),
    form: new URLSearchParams([[secret, '']]).toString().slice(0, -1),
    escaped: JSON.stringify(secret).slice(1, -1),
  };
}
