import { hash } from 'node:crypto';
import { encodeCallback } from '../src/protocol/sign-callback.js';

export const secretKey = 'the secret key of the bench';

/** The fields of one postback as Dragonpay sends them, with a SHA-1 digest. */
export function postbackFields(txnid: string): Record<string, string> {
  const fields = {
    txnid,
    refno: `R${txnid}`.slice(0, 32),
    status: 'S',
    message: '[000] BPI Reference No.: 20260731 Payment successful',
  };
  const text = `${fields.txnid}:${fields.refno}:${fields.status}:${fields.message}:${secretKey}`;
  return {
    ...fields,
    digest: hash('sha1', text),
    param1: 'order-4711',
    param2: '',
    amount: '100.00',
    ccy: 'PHP',
    procid: 'BPI',
    settledate: '2026-07-31',
  };
}

/** The body of one signed postback. */
export function postback(txnid: string): string {
  return encodeCallback(postbackFields(txnid));
}

/** An id as a shop generates it: in no order, so that inserts reach all parts of an index. */
export function txnidOf(series: string, index: number): string {
  return `${series}-${hash('md5', `${series}-${index}`).slice(0, 20)}`;
}

/** SQL that selects the same ids for the numbers from 1 to `count`. */
export function txnidsInSql(series: string, count: number): string {
  return `select '${series}-' || substr(md5('${series}-' || n), 1, 20) as txnid from generate_series(1, ${count}) n`;
}

/** A complete HTTP request as bytes. */
export function requestOf(txnid: string): Buffer {
  const body = postback(txnid);
  return Buffer.from(
    `POST /dragonpay/callback HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
