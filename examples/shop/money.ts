/** Formats an amount with its currency: `PHP 1,250.00`. The amount is a decimal string with two decimals. */
export function money(amount: string, currency: string): string {
  return `${currency} ${amount.replace(/\B(?=(?:\d{3})+\.)/g, ',')}`;
}
