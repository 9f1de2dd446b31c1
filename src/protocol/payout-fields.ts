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

/** The fields of a payout's callback, by their lower-case names: the letter case on the wire varies. */
export const payoutFields = object({
  merchanttxnid: idShape,
  refno: refnoShape,
  status: statusShape,
  message: freeTextShape,
  merchantid: merchantIdShape,
  amount: amountShape,
  ccy: currencyShape,
  procid: freeTextShape,
  digest: proofShape,
}).strict();
