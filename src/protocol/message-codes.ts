/**
 * The codes that a `message` may begin with, in brackets. Source: Dragonpay's list of error codes. They are a hint: a
 * code is not always there, and a recorded failure carries `000`. The status alone decides.
 */
export const messageCodes = {
  '000': 'success',
  '101': 'invalid gateway id',
  '102': 'incorrect secret key',
  '103': 'invalid reference number',
  '104': 'unauthorized',
  '105': 'invalid token',
  '106': 'currency not supported',
  '107': 'transaction cancelled',
  '108': 'insufficient funds',
  '109': 'limit exceeded',
  '110': 'error in operation',
  '111': 'invalid parameters',
  '201': 'invalid merchant id',
  '202': 'invalid merchant password',
} as const;

/** A code of a message: three digits. */
export type MessageCode = keyof typeof messageCodes;

/**
 * Reads the code of a callback's `message`: `undefined` if it has none, or an unknown one. Use it to choose a text for
 * the payer, and decide by the status.
 *
 * @example
 * if (row.status === 'F' && messageCode(callback.data.message) === '107') return 'You cancelled the payment';
 */
export function messageCode(message: string): MessageCode | undefined {
  return (Object.keys(messageCodes) as MessageCode[]).find((code) => message.startsWith(`[${code}]`));
}
