import {
  type CheckedCallback,
  fieldValue,
  hintFields,
  isOther,
  nameAsSent,
  nameOnWire,
  signableFields,
} from '../protocol/fields.js';
import { writeAmount } from '../protocol/read-amount.js';
import { dragonpayWire, signedTextFor, transform } from '../protocol/signed-text.js';
import type { Budget } from './budget.js';
import { type FieldOrder, fieldOrders, ordersOfSubsets, subsetsOfOthers, twoMoves } from './field-orders.js';
import type { ProofMatcher } from './proof-matcher.js';
import {
  type FormVariants,
  frequentSeparators,
  rareSeparators,
  separators,
  simpleForms,
  type TextForm,
  textForms,
} from './text-forms.js';

/** The parts of one callback that the search needs. */
export interface Candidates {
  readonly callback: CheckedCallback;
  readonly merchantId: string;
  /** The value of a field as it stood on the wire, still encoded. */
  readonly encoded: (field: FieldOrder[number]) => string | undefined;
  /** The fields that came, in their order, without proofs. */
  readonly came: FieldOrder;
}

/** A reading under which the proof holds. */
export interface FoundReading {
  readonly fields: FieldOrder;
  readonly form: TextForm;
  readonly keyId: string;
  /**
   * The fields of a second reading that gives the same text: it has more fields, and leaves out those that are empty in
   * this callback. This callback cannot show which of the two readings is right.
   */
  readonly orLeavingOut?: FieldOrder;
  readonly orWithout?: FieldOrder;
}

/**
 * Searches for the text that was signed. It tries likely orders of the fields in every form first, then similar orders
 * in simple forms, then all orders of few fields in the simplest forms. The last part takes more than two seconds.
 */
export function findReading(
  candidates: Candidates,
  matcher: ProofMatcher,
  configured: FieldOrder,
  budget: Budget,
): FoundReading | undefined {
  const { came, callback } = candidates;
  const { likely, main, all, documented } = ordersOf(candidates, configured);
  const write = textWriter(candidates);
  const variants = { ...variantsOf(candidates), ...matcher.variants };
  const { amount = [], key = [], keySeparator = [], keyEncoding = [] } = variants;
  // A key in front of the text often comes without a separator.
  const glued = textForms({ key, keySeparator }, 2).slice(1 + key.length + keySeparator.length);
  const usual = textForms(variants, 0);
  const simple = [...simpleForms(variants), ...glued];
  const double = textForms({ ...variants, separator: frequentSeparators }, 2).filter(
    (form) => Object.keys(form).length < 2 || form.separator !== undefined,
  );
  const frequent = textForms({ separator: frequentSeparators, amount, key, keySeparator, keyEncoding }, 1);
  let tries = 0;
  const search = (orders: Iterable<FieldOrder>, forms: readonly TextForm[]): FoundReading | undefined => {
    const wholes = forms.map((form) => ({ ...matcher.known, ...form }));
    for (const fields of orders) {
      for (const whole of wholes) {
        if ((++tries & 255) === 0 && budget.isSpent()) throw budget;
        const keyId = matcher.match(write(fields, whole), whole);
        if (keyId !== undefined) return { fields: [...fields], form: whole, keyId };
      }
    }
    return undefined;
  };
  const filled = came.filter((field) => fieldValue(callback, field));
  const known = filled.filter((field) => !isOther(field));
  const searchAll = () => {
    // Tries all likely orders in a simple form before any order in a complex form.
    for (const form of textForms(variants, 4)) {
      const found = search(likely, [form]);
      if (found !== undefined) return found;
    }
    return (
      search(likely, textForms({ ...variants, separator: rareSeparators }, 2)) ??
      search(subsetsOfOthers(main), simple) ??
      search(firstOf(600, fieldOrders(likely.slice(0, 7), all)), double) ??
      search(ordersOfSubsets(known, 0, 2), simple) ??
      search(ordersOfSubsets(known, 0, 1), double) ??
      search(twoMoves(documented), simple) ??
      search(ordersOfSubsets(known, 3, 3), frequent) ??
      search(subsetsOfOthers(main), double) ??
      search(ordersOfSubsets(known, 4, 4), usual) ??
      (filled.length > known.length ? search(ordersOfSubsets(filled, 0, 3), usual) : undefined) ??
      search(ordersOfSubsets(known, 2, 2), double) ??
      search(ordersOfSubsets(known, 5, 5), usual) ??
      search(ordersOfSubsets(known, 4, 4), frequent.slice(1)) ??
      search(fieldOrders(likely, all), simple) ??
      search(ordersOfSubsets(known, 0, 3), double) ??
      search(ordersOfSubsets(known, 5, 5), frequent.slice(1)) ??
      search(ordersOfSubsets(known, 6, known.length), frequent)
    );
  };
  try {
    const found = searchAll();
    return found && generalise(found, all, candidates, (fields, form) => matcher.match(write(fields, form), form));
  } catch (error) {
    if (error === budget) {
      return undefined;
    }
    throw error;
  }
}

/** Three groups: orders to try in every form, orders to try with parts left out, and all fields. */
function ordersOf({ came, callback }: Candidates, configured: FieldOrder) {
  const { kind } = callback;
  const others = came.filter(isOther);
  const known = came.filter((field) => !isOther(field));
  const signable = signableFields(kind);
  const documented = (['rsa', 'hmac', 'sha1'] as const).map((one) => signedTextFor(dragonpayWire, kind, one).fields);
  const withOthers = documented.map((fields) => [...fields, ...others]);
  const withHints = documented.map((fields) => [...fields, ...came.filter((field) => hintFields.includes(field))]);
  const all: FieldOrder = [...signable, ...others];
  const likely = [
    configured,
    ...documented,
    came,
    came.filter((field) => fieldValue(callback, field)),
    byName(came),
    byName(all),
    signable,
    known,
    ...[...documented, came].map((fields) => [...fields].reverse()),
    byName(known),
    byName(signable),
    ...documented.map(byName),
    ...withOthers,
    ...withHints,
  ];
  return {
    likely: withoutCopies(likely),
    main: withoutCopies([came, byName(came), all, ...withOthers]),
    all,
    documented,
  };
}

function byName(fields: FieldOrder): FieldOrder {
  return [...fields].sort((one, other) => (nameOnWire(one) < nameOnWire(other) ? -1 : 1));
}

function withoutCopies(orders: readonly FieldOrder[]): readonly FieldOrder[] {
  return [...new Map(orders.map((order) => [order.join(), order])).values()];
}

function* firstOf<Item>(most: number, items: Iterable<Item>): Generator<Item> {
  let count = 0;
  for (const item of items) {
    if (++count > most) return;
    yield item;
  }
}

/**
 * Finds the rule behind a text. If the text lacks fields that are empty in this callback, the rule is probably to leave
 * out empty fields. If the text holds all fields of the callback as pairs, in the order of their names, the rule
 * probably covers every field that a callback may have.
 */
function generalise(
  found: FoundReading,
  all: FieldOrder,
  { callback, came }: Candidates,
  match: (fields: FieldOrder, form: TextForm) => string | undefined,
): FoundReading {
  const { fields, form } = found;
  if (form.empty === 'left-out' && !form.pairs) {
    const filled = fields.filter((field) => fieldValue(callback, field));
    return filled.length === fields.length ? found : { ...found, orWithout: filled };
  }
  const isWhole = came.every((field) => fields.includes(field) || !fieldValue(callback, field));
  const isSorted = byName(fields).join() === fields.join();
  const mayCome = (isSorted && form.pairs && isWhole ? byName(all) : isSorted ? byName(came) : came).filter(
    (field) => fields.includes(field) || !fieldValue(callback, field),
  );
  if (mayCome.filter((field) => fields.includes(field)).join() !== fields.join()) return found;
  if (mayCome.length === fields.length) return found;
  const leavingOut: TextForm = { ...form, empty: 'left-out' };
  if (match(mayCome, leavingOut) === undefined) return found;
  return form.pairs ? { ...found, fields: mayCome, form: leavingOut } : { ...found, orLeavingOut: mayCome };
}

/** The variants that change anything in this callback. */
function variantsOf({ callback, encoded, came }: Candidates): FormVariants {
  const texts = came.map((field) => fieldValue(callback, field) ?? '');
  const isAscii = texts.every((text) => /^[\u0000-\u007f]*$/.test(text));
  const values = (['trimmed', 'encoded', 'decoded-twice'] as const).filter((form) =>
    came.some((field, index) => transform(texts[index] ?? '', form, () => encoded(field)) !== texts[index]),
  );
  const amounts = (['as-sent', 'grouped', 'shortest', 'centavos', 'four-decimals'] as const).filter(
    (format) => callback.amount !== undefined && amountOf(callback, format) !== callback.amount,
  );
  return {
    separator: separators,
    pairs: came.some((field) => nameAsSent(callback, field) !== nameOnWire(field)) ? [true, 'as-sent'] : [true],
    empty: ['left-out'],
    amount: amounts,
    values,
    encoding: isAscii ? ['utf16le', 'utf16be'] : ['ascii', 'latin1', 'windows-1252', 'utf16le', 'utf16be'],
    letterCase: ['lower', 'upper'],
  };
}

function amountOf({ amount = '', amountAsSent }: CheckedCallback, format: NonNullable<TextForm['amount']>): string {
  return format === 'as-sent' ? (amountAsSent ?? amount) : writeAmount(amount, format);
}

/** Writes texts. The values of each form are computed once. */
function textWriter({ callback, came, merchantId, encoded }: Candidates) {
  const fields: FieldOrder = [...signableFields(callback.kind), ...came.filter(isOther)];
  const tables = new Map<string, Readonly<Record<string, string>>>();
  const tableOf = (form: TextForm) => {
    const { values = 'decoded', amount = 'two-decimals' } = form;
    const key = `${values} ${amount}`;
    let table = tables.get(key);
    if (table === undefined) {
      table = Object.fromEntries(
        fields.map((field) => {
          const sent = fieldValue(callback, field) || (field === 'merchantid' ? merchantId : '');
          const value = field === 'amount' ? amountOf(callback, amount) : transform(sent, values, () => encoded(field));
          return [field, value];
        }),
      );
      tables.set(key, table);
    }
    return table;
  };
  return (order: FieldOrder, form: TextForm): string => {
    const { separator = ':', pairs, empty, letterCase } = form;
    const table = tableOf(form);
    let text = '';
    if (!pairs && empty === undefined && letterCase === undefined) {
      // Most texts have this plain form. The speed of the search is the speed of this loop and of the hash.
      for (let index = 0; index < order.length; index++) {
        if (index > 0) text += separator;
        text += table[order[index] as string] as string;
      }
      return text;
    }
    let isFirst = true;
    for (const field of order) {
      const value = table[field] ?? '';
      if (value === '' && empty === 'left-out') continue;
      const name = pairs === 'as-sent' ? nameAsSent(callback, field) : nameOnWire(field);
      text += `${isFirst ? '' : separator}${pairs ? `${name}=` : ''}${value}`;
      isFirst = false;
    }
    if (letterCase === undefined) return text;
    return letterCase === 'lower' ? text.toLowerCase() : text.toUpperCase();
  };
}
