import { paymentStatuses } from '../../protocol/statuses.js';
import { type Html, html } from '../../web/html.js';
import type { Misbehaviour } from '../gateway/misbehaviour.js';
import { field } from './parts.js';

/** The form of all misbehaviours, filled with the current ones. */
export function misbehaviourForm(action: string, current: Misbehaviour): Html {
  const number = (name: keyof Misbehaviour, least: number, most: number) =>
    html`type="number" min="${least}" max="${most}" value="${current[name]}"`;
  const day = 86_400_000;
  const status = (letter: string, name: string) =>
    html`<option value="${letter}"${current.contradict === letter && html` selected`}>${letter} ${name}</option>`;
  return html`<form method="post" action="${action}" class="form"><div class="checks">
${check('drop', 'Drop the postback', 'It is logged and can be sent later', current.drop)}
${check('returnFirst', 'Return first', 'The browser returns before the postback is sent', current.returnFirst)}
${check('revokedKey', 'Sign with a revoked key', 'RSA only', current.revokedKey)}</div>
${field('copies', 'Copies', number('copies', 1, 10), 'Sent at the same time, 1 to 10')}
${field('delayMilliseconds', 'Delay', number('delayMilliseconds', 0, day), 'Before a postback, in milliseconds')}
${field('amount', 'Wrong amount', html`inputmode="decimal" value="${current.amount}"`, 'Validly signed, such as 1.00')}
<p><label for="contradict">Contradict later<small>Another postback with this status</small></label>
<select id="contradict" name="contradict"><option value="">No</option>${Object.entries(paymentStatuses).map(
    ([letter, { name }]) => status(letter, name),
  )}</select></p>
${field('resends', 'Resends', number('resends', 0, 20), 'Until the answer is a 2xx, 0 to 20')}
${field('resendMilliseconds', 'Wait before a resend', number('resendMilliseconds', 0, day), 'In milliseconds, default: 1000')}
${field('answerMilliseconds', 'Slow API', number('answerMilliseconds', 0, day), 'Latency of answers, in milliseconds')}
<p class="actions"><button class="primary">Save</button><button name="reset" value="yes">Reset</button></p>
</form>`;
}

function check(name: string, label: string, hint: string, checked = false): Html {
  return html`<p><label class="check"><input type="checkbox" name="${name}" value="yes"${
    checked && html` checked`
  }><span>${label}<small>${hint}</small></span></label></p>`;
}

/** Reads the form. Malformed numbers become NaN, which is refused by name. */
export function readMisbehaviourForm(form: URLSearchParams): Misbehaviour {
  if (form.has('reset')) return {};
  const misbehaviour: Record<string, unknown> = {};
  for (const name of ['drop', 'returnFirst', 'revokedKey']) if (form.has(name)) misbehaviour[name] = true;
  for (const name of ['copies', 'delayMilliseconds', 'resends', 'resendMilliseconds', 'answerMilliseconds']) {
    const value = form.get(name)?.trim() ?? '';
    if (value !== '') misbehaviour[name] = Number(value);
  }
  for (const name of ['amount', 'contradict']) {
    const value = form.get(name)?.trim() ?? '';
    if (value !== '') misbehaviour[name] = value;
  }
  return misbehaviour;
}

/** Describes the misbehaviour in words. Empty if there is none. */
export function describeMisbehaviour(misbehaviour: Misbehaviour): string {
  const { copies = 1, delayMilliseconds, returnFirst, drop, contradict, amount, revokedKey } = misbehaviour;
  const { answerMilliseconds, resends } = misbehaviour;
  return [
    drop && 'drops postbacks',
    returnFirst && 'lets the browser return before the postback',
    revokedKey && 'signs with a revoked key',
    copies > 1 && `sends ${copies} copies`,
    delayMilliseconds && `delays postbacks by ${delayMilliseconds} ms`,
    amount && `sends the amount ${amount}`,
    contradict && `contradicts with ${contradict}`,
    resends && `resends up to ${resends} times`,
    answerMilliseconds && `delays answers by ${answerMilliseconds} ms`,
  ]
    .filter(Boolean)
    .join(', ');
}
