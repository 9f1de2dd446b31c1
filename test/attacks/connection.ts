import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeCallback, signCallback } from '../../src/testing.js';
import { paymentFields, secretKey } from '../support/dispatch-signed.js';

/** A genuine callback of the payment T-1. */
export const form = encodeCallback(signCallback(paymentFields(), { sha1: { secretKey } }));

/** The head of a POST of a form. */
export function head(extra: string): string {
  return `POST /dragonpay/callback HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n${extra}\r\n\r\n`;
}
export const signed = `${head(`content-length: ${form.length}`)}${form}`;
export const halfSent = `${head('content-length: 1000')}txnid=`;

/** A connection that an attacker writes to. */
export class Connection {
  readonly socket: Socket;
  received = '';
  isClosed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  async until(holds: (connection: Connection) => boolean, milliseconds = 5_000): Promise<void> {
    const startedAt = performance.now();
    while (!holds(this)) {
      if (performance.now() - startedAt > milliseconds) throw new Error(`not in time; received ${this.received}`);
      await sleep(5);
    }
  }
}

export const isAnswered = ({ received }: Connection) => received.includes('\r\n\r\n');
