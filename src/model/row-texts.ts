/**
 * The texts of a payment and their maximum lengths, in characters. A merchant gives them; callbacks never change them.
 * Each is a field of `PaymentRow` and `PaymentDetails`, and a column of the same name in snake case.
 */
export const paymentTexts = {
  description: 128,
  email: 254,
  param1: 80,
  param2: 80,
  /** Dragonpay's code of the payment channel. */
  procid: 32,
} as const;

/**
 * The texts of a payout and their maximum lengths, in characters. Each is a field of `PayoutRow` and `PayoutDetails`,
 * and a column of the same name in snake case.
 */
export const payoutTexts = {
  description: 128,
  /** The id of a payee who is registered with Dragonpay. */
  userId: 40,
  /** The name of a payee who is not registered. */
  userName: 128,
  email: 254,
  mobile: 32,
  /** Dragonpay's code of the channel that pays the money out. */
  procid: 32,
  /** The account, card or mobile number that the channel pays to. */
  procDetail: 64,
} as const;

/** The texts of a row: `null` where the merchant gave none. */
export type TextsOf<Limits> = { readonly [Name in keyof Limits]: string | null };
