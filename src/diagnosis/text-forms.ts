import type { SignedText } from '../protocol/signed-text.js';

/**
 * A reading without its fields. Some forms are refused by settings: those without a separator, and those with folded
 * letters.
 */
export interface TextForm extends Omit<SignedText, 'fields' | 'encodings' | 'also'> {
  readonly encoding?: SignedText['encodings'][number];
  readonly letterCase?: 'lower' | 'upper';
}

/** The values to try for each part of a form, beside the usual value. */
export type FormVariants = { readonly [Part in keyof TextForm]?: readonly NonNullable<TextForm[Part]>[] };

/** The separators that are tried with many orders, the likely ones first. */
export const separators = ['|', '&', ',', '', '\n', ';', '\t', ' ', '-', '_', '#', '/', '\r\n', '.', '~'] as const;

/** The separators that are tried with all orders of several fields. */
export const frequentSeparators = separators.slice(0, 7);

/** The separators that are tried with likely orders only. */
export const rareSeparators = [...'^*+=@$%!\\<>"\'`(){}[]\r', '||', '::', ', ', ' | ', '; ', '--', '&&', '##', '|:|'];

/** The forms that differ from the usual form in one part, and the forms of a query, which differ in several parts. */
export function simpleForms(variants: FormVariants): readonly TextForm[] {
  const { pairs = [], values = [] } = variants;
  const inQuery = textForms({ values: values.filter((form) => form === 'encoded'), empty: ['left-out'] }, 2);
  const queries = pairs.flatMap((names) =>
    inQuery.map((form): TextForm => ({ ...form, pairs: names, separator: '&' })),
  );
  return [...textForms(variants, 1), ...queries];
}

/** The forms that differ from the usual form in at most `most` parts. Forms with few differences come first. */
export function textForms(variants: FormVariants, most: number): readonly TextForm[] {
  const byDistance: TextForm[][] = [[{}]];
  for (const [part, values] of Object.entries(variants)) {
    for (let distance = Math.min(byDistance.length, most); distance > 0; distance--) {
      const changed = (byDistance[distance - 1] ?? []).flatMap((form) =>
        values.map((value) => ({ ...form, [part]: value })),
      );
      byDistance[distance] = [...(byDistance[distance] ?? []), ...changed];
    }
  }
  return byDistance.flat();
}
