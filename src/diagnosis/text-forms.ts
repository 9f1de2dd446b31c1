import type { SignedText } from '../protocol/signed-text.js';

/** A reading without its fields. It may also be one that settings refuse: without a separator, or with folded letters. */
export interface TextForm extends Omit<SignedText, 'fields' | 'encodings' | 'also'> {
  readonly encoding?: SignedText['encodings'][number];
  readonly letterCase?: 'lower' | 'upper';
}

/** The values that each part of a form may have beside the usual one. */
export type FormVariants = { readonly [Part in keyof TextForm]?: readonly TextForm[Part][] };

/** The separators that are tried with many orders, the likely ones first. */
export const separators = ['|', '&', ',', '', '\n', ';', '\t', ' ', '-', '_', '#', '/', '\r\n', '.', '~'] as const;

/** The separators that are tried with likely orders only. */
export const rareSeparators = [...'^*+=@$%!\\<>"\'`(){}[]\r', '||', '::', ', ', ' | ', '; ', '--', '&&', '##', '|:|'];

/** The forms that differ from the usual one in at most `most` parts, those with the fewest differences first. */
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
