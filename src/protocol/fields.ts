import * as shapes from './field-shapes.js';
import { type CallbackKind, callbackKinds } from './kinds.js';
import { readAmount } from './read-amount.js';

/** The three proofs: RSA-SHA256 (`signatures`), HMAC-SHA256 (`signature`) and SHA-1 (`digest`). */
export type ProofAlgorithm = 'rsa' | 'hmac' | 'sha1';

interface FieldRow {
  /** The name as Dragonpay documents it. Names are matched in any letter case. */
  readonly wireName: string;
  readonly kinds: readonly CallbackKind[];
  readonly shape: shapes.FieldShape;
  /**
   * `key`: every signed text must hold it. `content`: a signed text may hold it. `hint`: no signed text of Dragonpay
   * contains it. `proof`: holds a proof.
   */
  readonly role: 'key' | 'content' | 'hint' | 'proof';
  /** The field may hold `:`, the separator of the signed texts. */
  readonly freeText?: true;
  /** The kind of proof that the field holds. */
  readonly proof?: ProofAlgorithm;
  /** The help text for the option of the command line. */
  readonly help?: string;
}

const both = callbackKinds;
const payments = ['payment'] as const;
const payouts = ['payout'] as const;

/**
 * The fields of the protocol, by their lower-case names. Types, schemas, the quick check, signed texts and the options
 * of the command line come from this table. Other fields on the wire are kept in the record of the callback.
 */
export const fieldTable = {
  /** The merchant's own id of the payment: 1 to 40 printable ASCII characters without `:`. */
  txnid: { wireName: 'txnid', kinds: payments, shape: shapes.idShape, role: 'key' },
  /** The merchant's own id of the payout: 1 to 40 printable ASCII characters without `:`. */
  merchanttxnid: { wireName: 'merchantTxnId', kinds: payouts, shape: shapes.idShape, role: 'key' },
  /** Dragonpay's reference number: opaque, 1 to 32 printable ASCII characters without `:`. */
  refno: { wireName: 'refno', kinds: both, shape: shapes.refnoShape, role: 'key' },
  /** The status letter as sent. */
  status: { wireName: 'status', kinds: both, shape: shapes.statusShape, role: 'key' },
  /** Free text: a bank reference, instructions or an error. Never decides anything. */
  message: { wireName: 'message', kinds: both, shape: shapes.textShape, role: 'content', freeText: true },
  /** The merchant id. Covered by RSA only. */
  merchantid: {
    wireName: 'merchantid',
    kinds: both,
    shape: shapes.merchantIdShape,
    role: 'content',
    help: 'default: DRAGONPAY_MERCHANT_ID',
  },
  /** The merchant's own parameter, echoed. Covered by RSA only, and only where the text has one reading. */
  param1: { wireName: 'param1', kinds: both, shape: shapes.textShape, role: 'content', freeText: true, help: '' },
  /** The merchant's own parameter, echoed. Covered by RSA only, and only where the text has one reading. */
  param2: { wireName: 'param2', kinds: both, shape: shapes.textShape, role: 'content', freeText: true, help: '' },
  /** Decimal string with two decimals, such as `100.00`. Covered by RSA and HMAC. */
  amount: { wireName: 'amount', kinds: both, shape: shapes.sentAmountShape, role: 'content', help: 'such as 100.00' },
  /** Currency, three letters. */
  ccy: { wireName: 'ccy', kinds: both, shape: shapes.currencyShape, role: 'hint', help: 'such as PHP' },
  /** The channel that was paid through, such as `BPI`. */
  procid: {
    wireName: 'procid',
    kinds: both,
    shape: shapes.textShape,
    role: 'hint',
    help: 'the channel, such as BOG',
  },
  /** `YYYY-MM-DD`. */
  settledate: { wireName: 'settledate', kinds: both, shape: shapes.textShape, role: 'hint', help: 'YYYY-MM-DD' },
  /** SHA-1 proof: 40 hex digits. */
  digest: { wireName: 'digest', kinds: both, shape: shapes.textShape, role: 'proof', proof: 'sha1' },
  /** HMAC-SHA256 proof: 64 hex digits. */
  signature: { wireName: 'signature', kinds: payments, shape: shapes.textShape, role: 'proof', proof: 'hmac' },
  /** RSA-SHA256 proof: base64. */
  signatures: { wireName: 'signatures', kinds: payments, shape: shapes.textShape, role: 'proof', proof: 'rsa' },
} as const satisfies Record<string, FieldRow>;

type Table = typeof fieldTable;

/** The lower-case name of a field of the protocol. */
export type KnownFieldName = keyof Table;

/** The wire names of the fields in some roles. */
type NamesOf<Role extends FieldRow['role']> = {
  [Name in KnownFieldName]: Table[Name]['role'] extends Role ? Table[Name]['wireName'] : never;
}[KnownFieldName];

/** The fields of a kind in some roles, by their wire names. */
export type FieldsOf<Kind extends CallbackKind, Role extends FieldRow['role']> = {
  readonly [Name in KnownFieldName as Kind extends Table[Name]['kinds'][number]
    ? Table[Name]['role'] extends Role
      ? Table[Name]['wireName']
      : never
    : never]?: string;
};

/** A field that a proof may cover, by its name on the wire. */
export type SignedField = NamesOf<'key' | 'content' | 'hint'>;

/** A field that is not of the protocol, such as `other:expiry`. A setting may say that a proof covers it. */
export type OtherField = `other:${string}`;

/** A field that may come without a proof that covers it, by its name on the wire. */
export type UnsignedField = NamesOf<'content' | 'hint'>;

/** The field of a proof, by its name on the wire. */
export type ProofField = NamesOf<'proof'>;

/** Known fields, exactly as sent: decoded once, not trimmed. */
export type KnownFields = { [Name in KnownFieldName]?: string | undefined };

type ByWireName = { readonly [Name in KnownFieldName as Table[Name]['wireName']]?: string | undefined };

/** Fields whose shapes hold. Empty and odd optional fields are absent. Nothing is proven yet. */
export interface CheckedCallback extends Omit<ByWireName, 'refno' | 'status' | 'message'> {
  readonly kind: CallbackKind;
  readonly refno: string;
  readonly status: string;
  /** Empty when not sent. */
  readonly message: string;
  /** With two decimals, however it was sent. */
  readonly amount?: string | undefined;
  readonly amountAsSent?: string | undefined;
  /**
   * Optional fields whose values cannot be read, by their lower-case names, with the reason. They only invalidate a
   * proof that covers one of them. `undefined` in nearly all callbacks.
   */
  readonly odd?: ReadonlyMap<string, OddField> | undefined;
  /** Every name and value on the wire, for readings that sign fields outside of the protocol. */
  readonly received?: (() => ReadonlyArray<readonly [name: string, value: string]>) | undefined;
}

/** Why the value of a field cannot be read. */
export interface OddField {
  readonly code: 'malformed-field' | 'invalid-utf8' | 'altered-by-parser';
  /** A sentence without values. */
  readonly message: string;
}

/** Whether a callback can be valid although the value of this field cannot be read. */
export function mayBeOdd(name: string): boolean {
  const role = Object.hasOwn(fieldTable, name) ? fieldTable[name as KnownFieldName].role : undefined;
  // A callback with a wrong merchant id is refused, whether the id is signed or not.
  return role !== undefined && role !== 'key' && name !== 'merchantid';
}

const entries: ReadonlyArray<readonly [KnownFieldName, FieldRow]> = Object.entries(fieldTable) as Array<
  [KnownFieldName, FieldRow]
>;

/** The lower-case names of all fields of the protocol. */
export const knownFieldNames: readonly KnownFieldName[] = entries.map(([name]) => name);

/** The fields that may hold `:`. The shapes of all other fields forbid it. */
export const freeTextFields: ReadonlySet<string> = new Set(
  entries.filter(([, row]) => row.freeText).map(([, row]) => row.wireName),
);

/** The fields that a signed text of a kind may hold, by their names on the wire. */
export function signableFields(kind: CallbackKind): readonly SignedField[] {
  return entries
    .filter(([, { kinds, role }]) => kinds.includes(kind) && role !== 'proof')
    .map(([, row]) => row.wireName as SignedField);
}

const otherPrefix = 'other:';

/** Whether a signed field is not of the protocol. */
export function isOther(field: string): field is OtherField {
  return field.startsWith(otherPrefix);
}

/** The name of a signed field on the wire. */
export function nameOnWire(field: SignedField | OtherField): string {
  return isOther(field) ? field.slice(otherPrefix.length) : field;
}

/** The name of a signed field in the letter case in which it came. A missing field has the documented name. */
export function nameAsSent(callback: CheckedCallback, field: SignedField | OtherField): string {
  const name = nameOnWire(field);
  const folded = foldName(name);
  return callback.received?.().find(([sent]) => foldName(sent) === folded)?.[0] ?? name;
}

/** The signed field of a name that is not of the protocol. */
export function otherField(name: string): OtherField {
  return `${otherPrefix}${name}`;
}

/**
 * The value of a field that a text may hold. A missing field is the empty string. `undefined`: a field outside of the
 * protocol came more than once, and a forger could choose which one counts.
 */
export function fieldValue(callback: CheckedCallback, field: SignedField | OtherField): string | undefined {
  if (!isOther(field)) return callback[field] ?? '';
  const folded = foldName(nameOnWire(field));
  const found = (callback.received?.() ?? []).filter(([name]) => foldName(name) === folded);
  return found.length > 1 ? undefined : (found[0]?.[1] ?? '');
}

/** Names are matched in any letter case. Only A to Z are folded. */
function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The fields that no signed text of Dragonpay holds. Settings may say otherwise. */
export const hintFields: readonly string[] = entries
  .filter(([, { role }]) => role === 'hint')
  .map(([, row]) => row.wireName);

/** The fields that may come without a proof that covers them. */
export const unsignedFields: readonly UnsignedField[] = entries
  .filter(([, { role }]) => role === 'content' || role === 'hint')
  .map(([, row]) => row.wireName as UnsignedField);

/** The field that holds each proof. */
export const proofFields = Object.fromEntries(
  entries.filter(([, row]) => row.proof !== undefined).map(([name, row]) => [row.proof, name]),
) as { readonly [Algorithm in ProofAlgorithm]: ProofField };

/** The kinds of proof that callbacks of a kind may hold, the strongest first. */
export function proofAlgorithms(kind: CallbackKind): readonly ProofAlgorithm[] {
  const algorithms: readonly ProofAlgorithm[] = ['rsa', 'hmac', 'sha1'];
  return algorithms.filter((algorithm) =>
    (fieldTable[proofFields[algorithm]].kinds as readonly string[]).includes(kind),
  );
}

const proofNames: ReadonlySet<string> = new Set(Object.values(proofFields));

/** Whether a field holds a proof. Names are matched in any letter case. */
export function isProofField(name: string): boolean {
  return proofNames.has(name.toLowerCase());
}

/** The optional fields that a program or a person may give, with a hint for the person. */
export const fieldHelp: Readonly<Record<string, string>> = Object.fromEntries(
  entries.flatMap(([, row]) => (row.help === undefined ? [] : [[row.wireName, row.help]])),
);

/**
 * A record without fields. Its copies share one hidden class. They are read faster than objects whose properties are
 * added.
 */
export const noFields: Readonly<KnownFields> = Object.fromEntries(knownFieldNames.map((name) => [name, undefined]));

/** The shapes for the quick check, in the order of {@link noFields}. A field of another kind may hold any text. */
const checks = { payment: checksOf('payment'), payout: checksOf('payout') };

function checksOf(kind: CallbackKind) {
  return entries.map(([name, { kinds, shape }]) => {
    const { required, holds } = kinds.includes(kind) ? shape : shapes.textShape;
    return { name, required, holds: holds === shapes.textShape.holds ? undefined : holds };
  });
}

/**
 * Whether all fields of a kind have their shapes. Agrees with the schema, in a thirtieth of the time. Fields that were
 * not made from {@link noFields} are left to the schema. Do not replace `for in`: V8 reads the fields of such a loop
 * without looking up their names.
 */
export function haveShapes(kind: CallbackKind, fields: Readonly<KnownFields>): boolean {
  const expected = checks[kind];
  let index = 0;
  for (const name in fields) {
    const check = expected[index++];
    if (check?.name !== name) return false;
    const value = fields[name as KnownFieldName];
    if (value === undefined || value === '' ? check.required : check.holds?.(value) === false) return false;
  }
  return index === expected.length;
}

/** The shapes of the fields of a kind, by their lower-case names. */
export function shapesOf(kind: CallbackKind): ReadonlyArray<readonly [KnownFieldName, shapes.FieldShape]> {
  return entries.filter(([, { kinds }]) => kinds.includes(kind)).map(([name, { shape }]) => [name, shape]);
}

/**
 * Fields whose shapes hold, by their wire names. Written out because a loop over the names takes four times as long;
 * `satisfies` makes the compiler ask for a missing line.
 */
export function toChecked(
  kind: CallbackKind,
  known: Readonly<KnownFields>,
  odd?: CheckedCallback['odd'],
  received?: CheckedCallback['received'],
): CheckedCallback {
  return {
    kind,
    txnid: kind === 'payment' ? known.txnid : undefined,
    merchantTxnId: kind === 'payout' ? known.merchanttxnid : undefined,
    refno: known.refno as string,
    status: known.status as string,
    message: known.message ?? '',
    merchantid: known.merchantid || undefined,
    param1: known.param1 || undefined,
    param2: known.param2 || undefined,
    amount: known.amount ? readAmount(known.amount) : undefined,
    amountAsSent: known.amount || undefined,
    ccy: known.ccy || undefined,
    procid: known.procid || undefined,
    settledate: known.settledate || undefined,
    digest: known.digest || undefined,
    signature: known.signature || undefined,
    signatures: known.signatures || undefined,
    odd,
    received,
  } satisfies { [Name in keyof CheckedCallback]-?: CheckedCallback[Name] };
}
