import type { CallbackKind } from '../../protocol/kinds.js';
import { isStatus, statuses } from '../../protocol/statuses.js';
import { type Html, html } from '../../web/html.js';

/** The name of a status letter. */
function statusName(kind: CallbackKind, letter: string): string {
  return rowOf(kind, letter)?.name ?? 'unknown status';
}

function rowOf(kind: CallbackKind, letter: string) {
  return isStatus(kind, letter) ? statuses[kind][letter] : undefined;
}

/** A status letter and its name, as a coloured label. */
export function statusBadge(kind: CallbackKind, letter: string): Html {
  return html`<span class="status ${rowOf(kind, letter)?.state ?? 'bad'}">${letter} ${statusName(kind, letter)}</span>`;
}

/** Formats an amount with its currency: `PHP 1,250.00`. */
export function money(amount: string, currency: string): string {
  return `${currency} ${amount.replace(/\B(?=(?:\d{3})+\.)/g, ',')}`;
}

/** The time of day in the time zone of this machine. */
export function time(at: Date): Html {
  return html`<time datetime="${at.toISOString()}">${at.toTimeString().slice(0, 8)}</time>`;
}
