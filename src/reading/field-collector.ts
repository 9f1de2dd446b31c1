import type { ReplyCode } from '../errors.js';
import type { Issue } from '../model/issue.js';
import {
  type CheckedCallback,
  type KnownFieldName,
  type KnownFields,
  knownFieldNames,
  mayBeOdd,
  noFields,
  type OddField,
} from '../protocol/fields.js';
import { decodeComponent } from './form-pairs.js';

/** The fields of one request, read but not checked. */
export interface ReceivedFields {
  readonly known: Readonly<KnownFields>;
  readonly issues: readonly Issue[];
  /** Fields whose values were lost, and which a valid callback need not have. See {@link CheckedCallback}. */
  readonly odd?: CheckedCallback['odd'];
  /** Whether only the output of a body parser was left, and not the bytes of the form. */
  readonly isParsed?: boolean | undefined;
  /** Other readings of the output of a body parser. They are tried if no proof holds over this one. */
  readonly otherwise?: readonly ReceivedFields[] | undefined;
  /** Every name and value in the order of the wire, decoded where possible. */
  received(): ReadonlyArray<readonly [name: string, value: string]>;
  /** The form as printable ASCII, for the record of the callback. Holds the proofs. */
  raw(): string;
  /** Frees the form. `received` and `raw` must not be called afterwards. */
  readonly releaseForm?: (() => void) | undefined;
}

/** Builds the fields of one request, pair by pair. */
export class FieldCollector {
  readonly #known: KnownFields = { ...noFields };
  /** One bit for each field that occurred. Reading the field back would cost more. */
  #occurred = 0;
  readonly #issues: Issue[] = [];
  #odd: Map<string, OddField> | undefined;

  /** Adds a name and a value that need no decoding. */
  addPlain(name: string, value: string): void {
    this.#add(knownField(name), value);
  }

  /**
   * Adds a decoded name and an encoded value.
   * @param decoder the code in front that made text of the bytes, if any. It wrote U+FFFD for bytes that it could not
   *   decode
   */
  addEncoded(name: string, rawValue: string, decoder?: string): void {
    const value = decodeComponent(rawValue);
    const field = knownField(name);
    if (name.includes('\0') || (value === undefined ? nulByte.test(rawValue) : value.includes('\0'))) {
      this.#refuseNul(field);
    } else if (field !== undefined && decoder !== undefined && rawValue.includes(replacementCharacter)) {
      this.#addLost('altered-by-parser', field, `was decoded with losses by ${decoder}`);
    } else if (value !== undefined) {
      this.#add(field, value);
    } else if (field !== undefined) {
      this.#addLost('invalid-utf8', field, 'is not UTF-8');
    }
  }

  /** Adds a name and a value from a body parser. */
  addParsed(name: string, value: unknown, parser: string): void {
    const field = knownField(name);
    // Every text of an array is checked, because the record of the callback would hold all of them.
    const hasNul = Array.isArray(value) ? value.some(isTextWithNul) : isTextWithNul(value);
    if (hasNul || name.includes('\0')) {
      this.#refuseNul(field);
    } else if (typeof value === 'string') {
      // A parser writes U+FFFD for bytes that it could not decode. The original value is lost.
      if (field !== undefined && value.includes('\ufffd')) {
        this.#addLost('altered-by-parser', field, `was decoded with losses by ${parser}`);
      } else {
        this.#add(field, value);
      }
    } else if (field !== undefined) {
      if (Array.isArray(value)) this.#refuse('repeated-field', field, 'occurs more than once');
      else this.#addLost('altered-by-parser', field, `is not a string after ${parser}`);
    }
  }

  /**
   * The result.
   * @param form the source of the fields. Its two texts are made on demand, because most callbacks need neither
   */
  finish<Form>(
    form: Form,
    toRaw: (form: Form) => string,
    toReceived: (form: Form) => ReturnType<ReceivedFields['received']>,
  ): ReceivedFields & { readonly ok: true } {
    let kept: Form | undefined = form;
    return {
      ok: true,
      known: this.#known,
      issues: this.#issues,
      odd: this.#odd,
      raw: () => toRaw(held(kept)),
      received: () => toReceived(held(kept)),
      releaseForm: () => {
        kept = undefined;
      },
    };
  }

  /**
   * Refuses a NUL, even in a field whose value is lost: otherwise the record of the callback could not be read again.
   */
  #refuseNul(field: KnownField | undefined): void {
    this.#refuse('nul-character', field, 'holds a NUL character');
  }

  #add(field: KnownField | undefined, value: string): void {
    if (field === undefined) return;
    const { name, bit } = field;
    if ((this.#occurred & bit) !== 0) {
      this.#refuse('repeated-field', field, 'occurs more than once');
    } else {
      this.#occurred |= bit;
      this.#known[name] = value;
    }
  }

  /** Records that a field occurred, but its value was lost. */
  #addLost(code: 'invalid-utf8' | 'altered-by-parser', field: KnownField, problem: string): void {
    const { name, bit } = field;
    if (!mayBeOdd(name) || (this.#occurred & bit) !== 0) {
      this.#refuse(code, field, problem);
    } else {
      this.#occurred |= bit;
      this.#odd ??= new Map();
      this.#odd.set(name, { code, message: `${name} ${problem}` });
    }
  }

  #refuse(code: ReplyCode, field: KnownField | undefined, problem: string): void {
    const name = field?.name;
    this.#issues.push(
      name === undefined
        ? { code, message: `a field ${problem}` }
        : { code, field: name, message: `${name} ${problem}` },
    );
  }
}

function held<Form>(form: Form | undefined): Form {
  if (form === undefined) throw new Error('the form of this callback was released');
  return form;
}

/** A NUL, escaped or not, in a value that cannot be decoded. In other values, it is found faster after decoding. */
const nulByte = /\0|%00/;

function isTextWithNul(value: unknown): boolean {
  return typeof value === 'string' && value.includes('\0');
}

/** U+FFFD in UTF-8, one character per byte. */
const replacementCharacter = '\u00ef\u00bf\u00bd';

interface KnownField {
  readonly name: KnownFieldName;
  readonly bit: number;
}

const known: readonly KnownField[] = knownFieldNames.map((name, index) => ({ name, bit: 1 << index }));

/**
 * The known fields by the length of their names. Comparing a few names takes half of the time of a look-up in a map.
 */
const byLength: ReadonlyArray<readonly KnownField[]> = Array.from(
  { length: 1 + Math.max(...knownFieldNames.map(({ length }) => length)) },
  (_, length) => known.filter(({ name }) => name.length === length),
);

/** The field of a name in any letter case. Only A to Z are folded: the Kelvin sign `K` is not a `k`. */
function knownField(name: string): KnownField | undefined {
  return sameName(name) ?? sameName(name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
}

function sameName(name: string): KnownField | undefined {
  for (const field of byLength[name.length] ?? []) {
    if (field.name === name) return field;
  }
  return undefined;
}
