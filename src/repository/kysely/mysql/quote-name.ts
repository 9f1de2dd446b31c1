/** Quotes one SQL name, in every `sql_mode`. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
