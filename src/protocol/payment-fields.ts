import { object } from 'yup';
import {
  amountShape,
  currencyShape,
  freeTextShape,
  idShape,
  merchantIdShape,
  proofShape,
  refnoShape,
  statusShape,
} from './field-shapes.js';

/** The fields of a payment's callback. Compiled once: building a schema costs a hundred times a check. */
export const paymentFields = object({
  txnid: idShape,
  refno: refnoShape,
  status: statusShape,
  message: freeTextShape,
  merchantid: merchantIdShape,
  param1: freeTextShape,
  param2: freeTextShape,
  amount: amountShape,
  ccy: currencyShape,
  procid: freeTextShape,
  settledate: freeTextShape,
  digest: proofShape,
  signature: proofShape,
  signatures: proofShape,
}).strict();
