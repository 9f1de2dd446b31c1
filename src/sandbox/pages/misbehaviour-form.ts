import { paymentStatuses } from '../../protocol/statuses.js';
import { type Html, html } from '../../web/html.js';
import type { Misbehaviour } from '../gateway/misbehaviour.js';
import { field, type RefusedForm } from './form.js';

const day = 86_400_000;

const fields = [
  { name: 'copies', label: 'Copies', hint: 'Sent at the same time, 1 to 10', attributes: number(1, 10) },
  { name: 'delayMilliseconds', label: 'Delay', hint: 'Before a postback, in milliseconds', attributes: number(0, day) },
  {
    name: 'amount',
    label: 'Wrong amount',
    hint: 'Validly signed, such as 1.00',
    attributes: html`inputmode="decimal"`,
  },
  { name: 'resends', label: 'Resends', hint: 'Until the answer is a 2xx, 0 to 20', attributes: number(0, 20) },
  {
    name: 'resendMilliseconds',
    label: 'Wait before a resend',
    hint: 'In milliseconds, default: 1000',
    attributes: number(0, day),
  },
  {
    name: 'answerMilliseconds',
    label: 'Slow API',
    hint: 'Latency of answers, in milliseconds',
    attributes: number(0, day),
  },
] as const;

const checks = [
  { name: 'drop', label: 'Drop the postback', hint: 'It is logged and can be sent later' },
  { name: 'returnFirst', label: 'Return first', hint: 'The browser returns before the postback is sent' },
  { name: 'revokedKey', label: 'Sign with a revoked key', hint: 'RSA only' },
] as const;

function number(least: number, most: number): Html {
  return html`type="number" min="${least}" max="${most}"`;
}

/** The form of all misbehaviours, filled with the current values, or with the values that were refused. */
export function misbehaviourForm(action: string, current: Misbehaviour, refused?: RefusedForm): Html {
  const isChecked = (name: 'drop' | 'returnFirst' | 'revokedKey') => refused?.values.has(name) ?? current[name];
  const contradict = refused?.values.get('contradict') ?? current.contradict;
  return html`<form method="post" action="${action}" class="form"><div class="checks">
${checks.map(
  ({ name, label, hint }) => html`<p><label class="check"><input type="checkbox" name="${name}" value="yes"${
    isChecked(name) && html` checked`
  }><span>${label}<small>${hint}</small></span></label></p>
`,
)}</div>
${fields.map((one) => field({ ...one, value: current[one.name] }, refused))}
<p><label for="contradict">Contradict later<small>Another postback with this status</small></label>
<select id="contradict" name="contradict"><option value="">No</option>${Object.entries(paymentStatuses).map(
    ([letter, { name }]) =>
      html`<option value="${letter}"${contradict === letter && html` selected`}>${letter} ${name}</option>`,
  )}</select></p>
<p class="actions"><button class="primary">Save</button><button name="reset" value="yes">Reset</button></p>
</form>`;
}

/** Reads the form. Malformed numbers become NaN, which is refused by name. */
export function readMisbehaviourForm(form: URLSearchParams): Misbehaviour {
  if (form.has('reset')) return {};
  const misbehaviour: Record<string, unknown> = {};
  for (const { name } of checks) if (form.has(name)) misbehaviour[name] = true;
  for (const name of [...fields.map(({ name }) => name), 'contradict']) {
    const value = form.get(name)?.trim() ?? '';
    const isText = name === 'amount' || name === 'contradict';
    if (value !== '') misbehaviour[name] = isText ? value : Number(value);
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
