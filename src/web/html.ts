import { escapeHtml } from '../response/escape-html.js';

/** Markup that needs no more escaping. Only {@link html} makes it. */
export class Html {
  constructor(readonly markup: string) {}
}

/** A template tag for HTML: what is put in is escaped, save what this tag made itself, alone or in a list. */
export function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  return new Html(parts.reduce((text, part, index) => text + toMarkup(values[index - 1]) + part));
}

function toMarkup(value: unknown): string {
  if (value instanceof Html) return value.markup;
  if (Array.isArray(value)) return value.map(toMarkup).join('');
  return value === false ? '' : escapeHtml(String(value ?? ''));
}
