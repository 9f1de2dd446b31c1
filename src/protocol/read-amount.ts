const usual = /^(?:0|[1-9]\d{0,9})(?:\.\d{1,2})?$/;

/** The marks that may stand between groups: a comma, an apostrophe or a space. */
const marks = ",'’ \u00a0\u2009\u202f";

/**
 * The notations of a number that have only one reading. Groups of three digits have one kind of mark and no leading
 * zero.
 */
const notations = [
  /^(?<whole>\d+)(?:\.(?<decimals>\d*))?$/,
  /^\.(?<decimals>\d+)$/,
  // 1,500.00 and 1 500.00 and 1'500.00
  new RegExp(`^(?<whole>[1-9]\\d{0,2}(?:(?<mark>[${marks}])\\d{3})(?:\\k<mark>\\d{3})*)(?:\\.(?<decimals>\\d*))?$`),
  // 1.500,00
  new RegExp(
    `^(?<whole>[1-9]\\d{0,2}(?:(?<mark>[.${marks.slice(1)}])\\d{3})(?:\\k<mark>\\d{3})*),(?<decimals>\\d{1,2})$`,
  ),
  // 1500,50
  /^(?<whole>\d+),(?<decimals>\d{1,2})$/,
];

/** `1.500` may be one and a half, or fifteen hundred with a mark between groups. */
const ambiguous = /^[1-9]\d{0,2}\.\d{3}$/;

/**
 * Reads an amount as a gateway may write it: `1500`, `1,500.00`, `1.500,00`, `1500.0000`, `1.5E3` or `１５００`. The
 * result is the same number with two decimals. `undefined`: the text is not a number from 0 to 9999999999.99, has more
 * than two decimals that are not zero, or could be two numbers, such as `1.500`.
 */
export function readAmount(text: string): string | undefined {
  if (usual.test(text)) return withTwoDecimals(text);
  if (text.length > 64) return undefined;
  // Full-width digits and marks, as keyboards of East Asia write them.
  const ascii = text.replace(/[\uff0b-\uff19]/g, (one) => String.fromCharCode(one.charCodeAt(0) - 0xfee0));
  const [, number = '', exponent] = /^\s*\+?(.*?)(?:[eE]([+-]?\d{1,2}))?\s*$/.exec(ascii) ?? [];
  if (exponent === undefined && ambiguous.test(number)) return undefined;
  const parts = notations.map((notation) => notation.exec(number)?.groups).find((groups) => groups !== undefined);
  if (parts === undefined) return undefined;
  const whole = (parts.whole ?? '').replace(/\D/g, '');
  const digits = whole + (parts.decimals ?? '');
  // The exponent moves the decimal point. Zeros fill the places that it passes.
  const point = whole.length + Number(exponent ?? 0);
  const place = Math.max(point, 0);
  const units = digits.padEnd(place, '0').slice(0, place).replace(/^0+/, '') || '0';
  const decimals = ('0'.repeat(place - point) + digits.slice(place)).replace(/0+$/, '');
  return units.length > 10 || decimals.length > 2 ? undefined : `${units}.${decimals.padEnd(2, '0')}`;
}

/**
 * An amount with exactly two decimals, as it is signed and stored: `100` is `100.00`. Takes and returns a decimal
 * string.
 */
export function withTwoDecimals(amount: string): string {
  // Nearly all amounts end here. To split and join them would take 5 % of a callback.
  if (amount.charAt(amount.length - 3) === '.') return amount;
  const [units, decimals = ''] = amount.split('.');
  return `${units}.${decimals.padEnd(2, '0')}`;
}

/** Writes an amount of two decimals in another format. The empty string stays empty. */
export function writeAmount(
  amount: string,
  format: 'two-decimals' | 'grouped' | 'shortest' | 'centavos' | 'four-decimals',
): string {
  if (amount === '') return amount;
  switch (format) {
    case 'two-decimals':
      return amount;
    case 'grouped':
      return amount.replace(/\B(?=(?:\d{3})+\.)/g, ',');
    case 'shortest':
      return amount.replace(/\.?0+$/, '');
    case 'centavos':
      return amount.replace('.', '').replace(/^0+(?=\d)/, '');
    case 'four-decimals':
      return `${amount}00`;
  }
}
