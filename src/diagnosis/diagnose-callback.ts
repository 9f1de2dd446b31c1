import { toRequest } from '../model/to-request.js';
import {
  type CheckedCallback,
  fieldTable,
  fieldValue,
  isOther,
  type KnownFieldName,
  nameOnWire,
  otherField,
  type ProofAlgorithm,
  proofAlgorithms,
  proofFields,
  type SignedField,
  signableFields,
} from '../protocol/fields.js';
import type { CallbackKind } from '../protocol/kinds.js';
import { dragonpayWire, type SignedText, signedTextFor } from '../protocol/signed-text.js';
import { checkFields } from '../reading/check-fields.js';
import { encodedValues } from '../reading/encoded-values.js';
import { readFields } from '../reading/read-fields.js';
import { settingProblems } from '../settings/check-settings.js';
import { isNameOfOther } from '../settings/check-wire.js';
import { type ResolvedSettings, resolveSettings } from '../settings/resolve-settings.js';
import type { DragonpaySettings, WireSettings } from '../settings/settings.js';
import type { PublicKey } from '../verification/public-keys.js';
import { verifyCallback } from '../verification/verify-callback.js';
import { beginBudget } from './budget.js';
import type { FieldOrder } from './field-orders.js';
import { type Candidates, type FoundReading, findReading } from './find-reading.js';
import { openSignature } from './open-signature.js';
import { digestMatcher, hmacMatcher, type ProofMatcher, rsaMatcher } from './proof-matcher.js';

/** The findings about one proof. */
export interface ProofDiagnosis {
  readonly algorithm: ProofAlgorithm;
  /** The field that holds the proof. */
  readonly field: string;
  /**
   * `usual`: the proof holds as configured. `found`: it holds by another reading. `unsafe`: it holds by a reading that
   * settings refuse. `not-found`: it holds by no reading that was tried. `no-key`: the settings have no key for it.
   */
  readonly result: 'usual' | 'found' | 'unsafe' | 'not-found' | 'no-key';
  /** The reading by which the proof holds: only the parts that differ from Dragonpay's. */
  readonly reading?: Partial<SignedText>;
  /** The key that matched. */
  readonly keyId?: string;
  /** Sentences about facts that are certain. They hold no secret and no expected proof. */
  readonly findings: readonly string[];
}

/** The result of {@link diagnoseCallback}. */
export interface Diagnosis {
  /**
   * `accepted`: it is accepted with these settings. `mended`: it is accepted with `wire`. `ambiguous`: `wire` is right,
   * but this callback stays refused, because one of its values holds the separator and other values would give the same
   * text. `unread`: the form is not a callback that can be checked.
   */
  readonly outcome: 'accepted' | 'mended' | 'ambiguous' | 'unsafe' | 'not-found' | 'unread';
  /** The setting `wire`, or the value of `DRAGONPAY_WIRE`, with which the callback is accepted. */
  readonly wire?: WireSettings;
  readonly proofs: readonly ProofDiagnosis[];
  /** Why the callback is `unread`. */
  readonly problem?: string;
}

/**
 * Finds out by which reading of the wire the proofs of a callback hold. Takes about two seconds at most. With more
 * `milliseconds`, it tries more orders of the fields.
 * @param form the query or the body of the callback, as received
 * @throws DragonpayError `invalid-setting`
 *
 * @example
 * const { wire } = await diagnoseCallback(form, settings);
 * const dragonpay = createDragonpay({ ...settings, wire });
 */
export async function diagnoseCallback(
  form: string,
  settings: DragonpaySettings,
  { milliseconds = 2_000 }: { readonly milliseconds?: number } = {},
): Promise<Diagnosis> {
  const resolved = resolveSettings(settings);
  const read = await readFields(toRequest(form, 'POST'), resolved.limits);
  if (!read.ok) return unread(`the callback cannot be read: ${read.code}`);
  const checked = checkFields(read, new Set(['payment', 'payout']));
  if (!checked.ok) return unread(checked.issues[0]?.message ?? 'the callback is malformed');
  const { callback } = checked;
  const { merchantId } = settings;
  if (callback.merchantid !== undefined && callback.merchantid !== merchantId) {
    return unread('merchantid is not the configured merchant id');
  }
  const { kind } = callback;
  const came = fieldsThatCame(callback, read.received());
  const candidates: Candidates = { callback, merchantId, encoded: encodedValues(read.raw), came };
  const present = proofAlgorithms(kind).filter((algorithm) => callback[proofFields[algorithm]] !== undefined);
  if (present.length === 0) return unread('the callback holds no proof');
  const accepts = async (settings: DragonpaySettings) => {
    const verdict = await verifyCallback(callback, { method: 'POST', raw: read.raw }, resolveSettings(settings).policy);
    return verdict.ok;
  };
  if (await accepts(settings)) {
    const proofs = present.map((algorithm) => ({ ...subjectOf(algorithm), result: 'usual', findings: [] }) as const);
    return { outcome: 'accepted', proofs };
  }
  const proofs: ProofDiagnosis[] = [];
  let wire: WireSettings | undefined;
  for (const algorithm of present) {
    const diagnosis = await diagnoseProof(algorithm, candidates, settings, resolved, milliseconds / present.length);
    proofs.push(diagnosis);
    if (diagnosis.result === 'found')
      wire = withReading(wire ?? settings.wire, kind, algorithm, diagnosis.reading ?? {});
  }
  if (wire !== undefined) {
    const isSetting = settingProblems({ ...settings, wire }).length === 0;
    const mended = isSetting && (await accepts({ ...settings, wire }));
    const isAmbiguous = isSetting && proofs.every(({ result }) => result === 'found' || result === 'usual');
    return { outcome: mended ? 'mended' : isAmbiguous ? 'ambiguous' : 'not-found', wire, proofs };
  }
  return { outcome: proofs.some(({ result }) => result === 'unsafe') ? 'unsafe' : 'not-found', proofs };
}

/**
 * The maximum number of fields outside of the protocol that are tried. Some of them may be a merchant's own parameters.
 */
const mostOthers = 6;

/** The fields of this callback that a signed text may hold, in their order on the wire. */
function fieldsThatCame(callback: CheckedCallback, received: ReadonlyArray<readonly [string, string]>): FieldOrder {
  const signable = signableFields(callback.kind);
  const came: Array<FieldOrder[number]> = [];
  for (const [name] of received) {
    const known = fieldTable[name.toLowerCase() as KnownFieldName] as (typeof fieldTable)[KnownFieldName] | undefined;
    const field = known === undefined ? otherField(name) : (known.wireName as SignedField);
    const isSignable = known === undefined ? isNameOfOther(field) : signable.includes(field as SignedField);
    if (isSignable && !came.includes(field) && fieldValue(callback, field) !== undefined) came.push(field);
  }
  const others = came.filter(isOther).slice(0, mostOthers);
  return came.filter((field) => !isOther(field) || others.includes(field));
}

function unread(problem: string): Diagnosis {
  return { outcome: 'unread', problem, proofs: [] };
}

function subjectOf(algorithm: ProofAlgorithm) {
  return { algorithm, field: proofFields[algorithm] };
}

function withReading(
  wire: WireSettings | undefined,
  kind: CallbackKind,
  algorithm: ProofAlgorithm,
  reading: Partial<SignedText>,
): WireSettings {
  return kind === 'payment'
    ? { ...wire, payment: { ...wire?.payment, [algorithm]: reading } }
    : { ...wire, payout: { sha1: reading } };
}

async function diagnoseProof(
  algorithm: ProofAlgorithm,
  candidates: Candidates,
  settings: DragonpaySettings,
  { publicKeys, wire }: ResolvedSettings,
  milliseconds: number,
): Promise<ProofDiagnosis> {
  const { callback } = candidates;
  const proof = callback[proofFields[algorithm]] ?? '';
  const subject = subjectOf(algorithm);
  const findings: string[] = [];
  let matcher: ProofMatcher | undefined;
  if (algorithm === 'rsa') {
    const keys: PublicKey[] = [];
    await publicKeys?.firstThatVerifies((key) => {
      keys.push(key);
      return false;
    });
    if (keys.length === 0) return { ...subject, result: 'no-key', findings: ['there is no public key'] };
    const opened = openSignature(proof, keys);
    if (opened === undefined) {
      const count = keys.length === 1 ? 'the public key' : `any of the ${keys.length} public keys`;
      return { ...subject, result: 'not-found', findings: [`the signature was not made with ${count}`] };
    }
    if (opened.padding === 'other') {
      return {
        ...subject,
        result: 'not-found',
        findings: [`key ${opened.keyId} made the signature, ${opened.problem}`],
      };
    }
    const padding = opened.padding === 'pkcs1' ? `PKCS#1 v1.5 padding over ${opened.hash}` : 'PSS padding';
    findings.push(`key ${opened.keyId} made the signature, with ${padding}`);
    matcher = rsaMatcher(opened);
  } else {
    const { verification, payout } = settings;
    const secrets =
      algorithm === 'hmac'
        ? verification?.hmac?.keys
        : (callback.kind === 'payout' ? payout?.sha1 : verification?.sha1)?.secretKeys;
    if (secrets === undefined) return { ...subject, result: 'no-key', findings: ['no key is configured for it'] };
    matcher = algorithm === 'hmac' ? hmacMatcher(proof, secrets) : digestMatcher(proof, secrets);
    if (matcher === undefined) findings.push('it does not have the length of any known hash');
  }
  const configured = signedTextFor(wire, callback.kind, algorithm).fields;
  const found = matcher && findReading(candidates, matcher, configured, beginBudget(milliseconds));
  if (found === undefined) {
    findings.push(
      algorithm === 'rsa'
        ? 'no text that was tried matches: a longer search may find one'
        : 'no text that was tried matches: the key may be wrong, or a longer search may find one',
    );
    return { ...subject, result: 'not-found', findings };
  }
  const { reading, problem } = toReading(found, callback.kind, algorithm);
  const problemsOf = (reading: Partial<SignedText>) =>
    settingProblems({ ...settings, wire: withReading(undefined, callback.kind, algorithm, reading) });
  const problems = [
    ...(problem === undefined ? [] : [problem]),
    ...problemsOf(reading).map(({ subject: name, problem }) => `${name} ${problem}`),
  ];
  findings.push(`the signed text is ${describe(found)}`, ...problems, ...whatIsNotCertain(found, candidates));
  const { orLeavingOut, orWithout } = found;
  const other: Partial<SignedText> | undefined =
    orLeavingOut !== undefined
      ? { fields: orLeavingOut, empty: 'left-out' }
      : orWithout && { fields: orWithout, empty: 'kept' };
  const both: Partial<SignedText> = { ...reading, also: other === undefined ? [] : [other] };
  const isEither = problems.length === 0 && other !== undefined && problemsOf(both).length === 0;
  const result = problems.length > 0 ? 'unsafe' : 'found';
  return { ...subject, result, reading: isEither ? both : reading, keyId: found.keyId, findings };
}

/** Sentences about the fields that a reading does not cover, and about facts that this callback cannot show. */
function whatIsNotCertain(found: FoundReading, { callback, came }: Candidates): string[] {
  const { fields, orLeavingOut = found.orWithout && fields } = found;
  const uncovered = came.filter((field) => !fields.includes(field) && fieldValue(callback, field));
  const certain = found.orWithout ?? fields;
  const empty = orLeavingOut?.filter((field) => !certain.includes(field)) ?? [];
  const values = fields.map((field) => fieldValue(callback, field) ?? '');
  return [
    ...(uncovered.length === 0 ? [] : [`it does not cover ${uncovered.map(nameOnWire).join(', ')}`]),
    ...(empty.length === 0
      ? []
      : [
          `${empty.map(nameOnWire).join(', ')} is empty here, so it is not certain whether it is signed: the setting allows both`,
        ]),
    ...(values.every((value) => /^[\u0000-\u007f]*$/.test(value))
      ? ['all values are ASCII, so it is not certain how other characters are encoded']
      : []),
  ];
}

/** The parts of a reading that differ from Dragonpay's, and why settings cannot express it. */
function toReading({ fields, form }: FoundReading, kind: CallbackKind, algorithm: ProofAlgorithm) {
  const usual = signedTextFor(dragonpayWire, kind, algorithm);
  const { letterCase, encoding, ...rest } = form;
  const reading: Partial<SignedText> = {
    ...(fields.join() !== usual.fields.join() && { fields: [...fields] }),
    ...(encoding !== undefined && !usual.encodings.includes(encoding) && { encodings: [encoding] }),
    ...rest,
  };
  const problem =
    letterCase === undefined
      ? undefined
      : `the text is in ${letterCase} case: ids that differ only in letter case have the same proof, so no setting allows it`;
  return { reading, problem };
}

function describe({ fields, form }: FoundReading): string {
  const { separator = ':', pairs, ...others } = form;
  const names = fields.map((field) => (pairs ? `${nameOnWire(field)}=…` : nameOnWire(field))).join(separator);
  const parts = Object.entries(others).map(([part, value]) => `${part} ${value === '' ? '""' : value}`);
  return [JSON.stringify(names), ...parts].join(', ');
}
