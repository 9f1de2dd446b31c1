import { readFields } from '../../src/reading/read-fields.js';
import { MemoryRepository } from '../../src/repository/memory-repository.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import type { DragonpaySettings } from '../../src/settings/settings.js';
import { encodeCallback } from '../../src/testing.js';
import type { Verdict, VerificationPolicy } from '../../src/verification/verify-callback.js';
import { verifyFields } from '../../src/verification/verify-fields.js';
import { postForm } from './callback-request.js';

/** The policy of a merchant called ACME who stores callbacks. */
export function policyOf(settings: Partial<DragonpaySettings>): VerificationPolicy {
  const repository = new MemoryRepository();
  return resolveSettings({ merchantId: 'ACME', environment: 'test', repository, ...settings }).policy;
}

/** Reads, checks and verifies a POST with these fields: the first three steps, without a handler. */
export async function judge(fields: Readonly<Record<string, string>>, policy: VerificationPolicy): Promise<Verdict> {
  return judgeForm(encodeCallback(fields), policy);
}

/** The same for a form that is encoded already. */
export async function judgeForm(form: string, policy: VerificationPolicy): Promise<Verdict> {
  const received = await readFields(postForm(form), { bodyBytes: 1e6, queryBytes: 1e6, fields: 64 });
  if (!received.ok) throw new Error(`refused with ${received.code}`);
  return verifyFields(received, 'POST', new Set(['payment', 'payout']), policy);
}

/** One word for a verdict: `ok`, `keys-unavailable`, or the code of the first issue. */
export function wordFor(verdict: Verdict): string {
  if (verdict.ok) return 'ok';
  return verdict.reason === 'invalid' ? (verdict.issues[0]?.code ?? 'no issue') : verdict.reason;
}
