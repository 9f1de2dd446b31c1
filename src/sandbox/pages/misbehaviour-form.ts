import { paymentStatuses } from '../../protocol/statuses.js';
import { type Html, html } from '../../web/html.js';
import type { Misbehaviour } from '../gateway/misbehaviour.js';
import { field } from './parts.js';

/** Everything that may go wrong, as a form that says what does at the moment. */
export function misbehaviourForm(action: string, current: Misbehaviour): Html {
  const number = (name: keyof Misbehaviour, least: number, most: number) =>
    html`type="number" min="${least}" max="${most}" value="${current[name]}"`;
  const day = 86_400_000;
  const status = (letter: string, name: string) =>
    html`<option value="${letter}"${current.contradict === letter && html` selected`}>${letter} ${name}</option>`;
  return html`<form method="post" action="${action}" class="form"><div class="checks">
${check('drop', 'Drop the postback', 'It stands in the log and can be sent from there', current.drop)}
${check('returnFirst', 'Return first', 'The browser is back before the postback leaves', current.returnFirst)}
${check('revokedKey', 'Sign with a revoked key', 'RSA only', current.revokedKey)}</div>
${field('copies', 'Copies', number('copies', 1, 10), 'Duplicates, all sent at once')}
${field('delayMilliseconds', 'Delay', number('delayMilliseconds', 0, day), 'Milliseconds before a postback')}
${field('amount', 'Wrong amount', html`inputmode="decimal" value="${current.amount}"`, 'Such as 1.00, correctly signed')}
<p><label for="contradict">Contradict later<small>One more postback with this status</small></label>
<select id="contradict" name="contradict"><option value="">Do not</option>${Object.entries(paymentStatuses).map(
    ([letter, name]) => status(letter, name),
  )}</select></p>
${field('resends', 'Resends', number('resends', 0, 20), 'As long as the answer is no 2xx')}
${field('resendMilliseconds', 'Wait before a resend', number('resendMilliseconds', 0, day), 'Milliseconds; 1000 when empty')}
${field('answerMilliseconds', 'Slow API', number('answerMilliseconds', 0, day), 'Milliseconds before a call is answered')}
<p class="actions"><button class="primary">Save</button><button name="reset" value="yes">Behave as usual</button></p>
</form>`;
}

function check(name: string, label: string, hint: string, checked = false): Html {
  return html`<p><label class="check"><input type="checkbox" name="${name}" value="yes"${
    checked && html` checked`
  }><span>${label}<small>${hint}</small></span></label></p>`;
}

/** What such a form says. Numbers that are none are handed on, to be refused by name. */
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

/** What goes wrong, in words; empty where nothing does. */
export function describeMisbehaviour(misbehaviour: Misbehaviour): string {
  const { copies = 1, delayMilliseconds, returnFirst, drop, contradict, amount, revokedKey } = misbehaviour;
  const { answerMilliseconds, resends } = misbehaviour;
  return [
    drop && 'drops postbacks',
    returnFirst && 'returns before the postback',
    revokedKey && 'signs with a revoked key',
    copies > 1 && `sends ${copies} copies`,
    delayMilliseconds && `delays postbacks by ${delayMilliseconds} ms`,
    amount && `says that the amount is ${amount}`,
    contradict && `contradicts with ${contradict}`,
    resends && `resends up to ${resends} times`,
    answerMilliseconds && `answers calls after ${answerMilliseconds} ms`,
  ]
    .filter(Boolean)
    .join(', ');
}
