/** Markup that needs no more escaping. Only {@link html} makes it. */
export class Html {
  constructor(readonly text: string) {}
}

/**
 * A template tag for HTML: what is put in is escaped, save what this tag made itself, alone or in a list. `undefined`,
 * `null` and `false` are nothing.
 */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(parts.reduce((text, part, index) => text + markup(values[index - 1]) + part));
}

function markup(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(markup).join('');
  if (value === false) return '';
  return String(value ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
