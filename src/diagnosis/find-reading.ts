import { type CheckedCallback, type SignedField, signableFields } from '../protocol/fields.js';
import { writeAmount } from '../protocol/read-amount.js';
import { dragonpayWire, signedTextFor, transform } from '../protocol/signed-text.js';
import { fieldOrders, ordersOfSubsets } from './field-orders.js';
import type { ProofMatcher } from './proof-matcher.js';
import { type FormVariants, separators, type TextForm, textForms } from './text-forms.js';

/** What the search needs of one callback. */
export interface Candidates {
  readonly callback: CheckedCallback;
  readonly merchantId: string;
  /** The value of a field as it stood on the wire, still encoded. */
  readonly encoded: (field: SignedField) => string | undefined;
  /** The fields that came, in their order, without proofs. */
  readonly came: readonly SignedField[];
}

/** A reading under which the proof holds. */
export interface FoundReading {
  readonly fields: readonly SignedField[];
  readonly form: TextForm;
  readonly keyId: string;
}

/**
 * Searches for the text that was signed. It tries likely orders of the fields in every form first, then similar orders
 * in simple forms, then all orders in the simplest forms.
 * @param until when to give up, by `performance.now()`
 */
export function findReading(
  candidates: Candidates,
  matcher: ProofMatcher,
  configured: readonly SignedField[],
  until: number,
): FoundReading | undefined {
  const { came, callback } = candidates;
  const all = signableFields(callback.kind);
  const sorted = [...all].sort();
  const documented = (['rsa', 'hmac', 'sha1'] as const).map((one) => signedTextFor(dragonpayWire, callback.kind, one));
  const likely = [
    configured,
    ...documented.map(({ fields }) => fields),
    came,
    came.filter((field) => callback[field] !== undefined && callback[field] !== ''),
    [...came].sort(),
    sorted,
    all,
    [...came].reverse(),
    ...documented.map(({ fields }) => [...fields].sort()),
  ];
  const write = textWriter(candidates);
  const variants = { ...variantsOf(candidates), ...matcher.variants };
  let tries = 0;
  const search = (orders: Iterable<readonly SignedField[]>, forms: readonly TextForm[]): FoundReading | undefined => {
    const wholes = forms.map((form) => ({ ...form, ...matcher.known }));
    for (const fields of orders) {
      for (const whole of wholes) {
        if ((++tries & 255) === 0 && performance.now() > until) return undefined;
        const keyId = matcher.match(write(fields, whole), whole);
        if (keyId !== undefined) return { fields: [...fields], form: whole, keyId };
      }
    }
    return undefined;
  };
  // Tries all likely orders in a simple form before any order in a complex form.
  for (const form of textForms(variants, 4)) {
    const found = search(likely, [form]);
    if (found !== undefined) return generalise(found, sorted, write, matcher);
    if (performance.now() > until) return undefined;
  }
  return (
    search(fieldOrdersNear(likely.slice(0, 7), all), textForms(variants, 2)) ??
    search(ordersOfSubsets(came.filter((field) => callback[field])), [{}]) ??
    search(fieldOrders(likely, all), textForms(variants, 1))
  );
}

function* fieldOrdersNear(likely: ReadonlyArray<readonly SignedField[]>, all: readonly SignedField[]) {
  let count = 0;
  for (const order of fieldOrders(likely, all)) {
    if (++count > 600) return;
    yield order;
  }
}

/** Sorted pairs of the fields that came are probably sorted pairs of all fields that are not empty. */
function generalise(
  found: FoundReading,
  sorted: readonly SignedField[],
  write: ReturnType<typeof textWriter>,
  matcher: ProofMatcher,
): FoundReading {
  if (!found.form.pairs || [...found.fields].sort().join() !== found.fields.join()) return found;
  const form: TextForm = { ...found.form, empty: 'left-out' };
  const keyId = matcher.match(write(sorted, form), form);
  return keyId === undefined ? found : { fields: sorted, form, keyId };
}

/** The variants that change anything in this callback. */
function variantsOf({ callback, encoded, came }: Candidates): FormVariants {
  const texts = came.map((field) => callback[field] ?? '');
  const isAscii = texts.every((text) => /^[\u0000-\u007f]*$/.test(text));
  const values = (['trimmed', 'encoded', 'decoded-twice'] as const).filter((form) =>
    came.some((field, index) => transform(texts[index] ?? '', form, () => encoded(field)) !== texts[index]),
  );
  const amounts = (['as-sent', 'grouped', 'shortest', 'centavos', 'four-decimals'] as const).filter(
    (format) => callback.amount !== undefined && amountOf(callback, format) !== callback.amount,
  );
  return {
    separator: separators,
    pairs: [true],
    empty: ['left-out'],
    amount: amounts,
    values,
    encoding: isAscii ? ['utf16le'] : ['ascii', 'latin1', 'windows-1252', 'utf16le'],
    letterCase: ['lower', 'upper'],
  };
}

function amountOf({ amount = '', amountAsSent }: CheckedCallback, format: NonNullable<TextForm['amount']>): string {
  return format === 'as-sent' ? (amountAsSent ?? amount) : writeAmount(amount, format);
}

/** Writes texts. The values of each form are computed once. */
function textWriter({ callback, merchantId, encoded }: Candidates) {
  const fields = signableFields(callback.kind);
  const tables = new WeakMap<TextForm, Readonly<Record<string, string>>>();
  const tableOf = (form: TextForm) => {
    const { values = 'decoded', amount = 'two-decimals' } = form;
    let table = tables.get(form);
    if (table === undefined) {
      table = Object.fromEntries(
        fields.map((field) => {
          const sent = callback[field] ?? (field === 'merchantid' ? merchantId : '');
          const value = field === 'amount' ? amountOf(callback, amount) : transform(sent, values, () => encoded(field));
          return [field, value];
        }),
      );
      tables.set(form, table);
    }
    return table;
  };
  return (order: readonly SignedField[], form: TextForm): string => {
    const { separator = ':', pairs, empty, letterCase } = form;
    const table = tableOf(form);
    let text = '';
    let isFirst = true;
    for (const field of order) {
      const value = table[field] ?? '';
      if (value === '' && empty === 'left-out') continue;
      text += `${isFirst ? '' : separator}${pairs ? `${field}=` : ''}${value}`;
      isFirst = false;
    }
    if (letterCase === undefined) return text;
    return letterCase === 'lower' ? text.toLowerCase() : text.toUpperCase();
  };
}
