import type { Diagnosis } from '../../diagnosis/diagnose-callback.js';
import { escapeForTerminal } from '../report.js';

const outcomes: { readonly [outcome in Diagnosis['outcome']]: string } = {
  accepted: 'the proofs hold as configured',
  mended: 'the callback is accepted with this setting',
  ambiguous:
    'the setting is found, but this callback stays refused: a value holds the separator, so other values give the same text',
  unsafe: 'the proof holds by a reading that no setting allows, because a changed callback could pass',
  'not-found': 'no setting was found with which the callback is accepted',
  unread: 'the callback could not be checked',
};

/** Formats a diagnosis for people. */
export function describeDiagnosis({ outcome, problem, proofs, wire }: Diagnosis): string {
  return [
    `Diagnosis: ${outcomes[outcome]}${problem === undefined ? '' : ` (${escapeForTerminal(problem)})`}`,
    ...proofs.flatMap(({ field, findings }) => findings.map((finding) => `  ${field}: ${escapeForTerminal(finding)}`)),
    ...(wire === undefined ? [] : [`  wire: ${JSON.stringify(wire)}`, '  Set it as `wire`, or as DRAGONPAY_WIRE.']),
  ].join('\n');
}
