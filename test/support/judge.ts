import { checkFields } from '../../src/reading/check-fields.js';
import { readFields } from '../../src/reading/read-fields.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { encodeCallback } from '../../src/testing.js';
import { type Verdict, type VerificationPolicy, verifyCallback } from '../../src/verification/verify-callback.js';
import { postForm } from './callback-request.js';

/** What a merchant called ACME accepts. */
export function policyOf(settings: Partial<DragonpaySettings>): VerificationPolicy {
  return resolveSettings({ merchantId: 'ACME', environment: 'test', ...settings }).policy;
}

/** Reads, checks and verifies a POST with these fields: the first three steps, without a handler. */
export async function judge(fields: Readonly<Record<string, string>>, policy: VerificationPolicy): Promise<Verdict> {
  return judgeForm(encodeCallback(fields), policy);
}

/** The same for a form that is encoded already. */
export async function judgeForm(form: string, policy: VerificationPolicy): Promise<Verdict> {
  const received = await readFields(postForm(form), { bodyBytes: 1e6, queryBytes: 1e6, fields: 64 });
  if (!received.ok) throw new Error(`refused with ${received.code}`);
  const checked = checkFields(received, new Set(['payment', 'payout']));
  if (!checked.ok) return checked;
  return verifyCallback(checked.callback, { method: 'POST', raw: received.raw }, policy);
}

/** One word for a verdict: `ok`, `keys-unavailable`, or the code of the first issue. */
export function wordFor(verdict: Verdict): string {
  if (verdict.ok) return 'ok';
  return verdict.reason === 'invalid' ? (verdict.issues[0]?.code ?? 'no issue') : verdict.reason;
}
