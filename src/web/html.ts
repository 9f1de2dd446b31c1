import { escapeHtml } from '../response/escape-html.js';

/** Markup that is escaped already. Only {@link html} creates it. */
export class Html {
  constructor(readonly markup: string) {}
}

/**
 * A template tag for HTML. Values are escaped, except for markup of this tag and lists of it. `undefined`, `null` and
 * `false` are empty.
 */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(parts.reduce((text, part, index) => text + toMarkup(values[index - 1]) + part));
}

function toMarkup(value: unknown): string {
  if (value instanceof Html) return value.markup;
  if (Array.isArray(value)) return value.map(toMarkup).join('');
  return value === false ? '' : escapeHtml(String(value ?? ''));
}
