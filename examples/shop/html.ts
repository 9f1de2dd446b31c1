/** Markup that is escaped already. Only {@link html} creates it. */
export class Html {
  constructor(readonly text: string) {}
}

/**
 * A template tag for HTML. Values are escaped, except for markup of this tag and lists of it. `undefined`, `null` and
 * `false` are empty. The package has a tag like this for its own pages, but does not export it.
 */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(parts.reduce((text, part, index) => text + toMarkup(values[index - 1]) + part));
}

function toMarkup(value: unknown): string {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(toMarkup).join('');
  if (value === false) return '';
  return String(value ?? '').replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
