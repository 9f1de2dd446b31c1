import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { CallbackEndpoint } from '../../src/index.js';
import type { CallbackFields } from '../../src/protocol/sign-callback.js';
import { dispatchSigned, paymentFields } from '../support/dispatch-signed.js';

/** Callbacks that are sent while a fault begins and ends. */
export interface Sending {
  /** The replies with a 2xx before and after the end of the fault, and all other replies. */
  readonly told: { before: number; refused: number; after: number };
  /** Resolves when this many callbacks have been answered 2xx. */
  haveStored(count: number): Promise<void>;
  /** Counts later replies as `after`. Resolves when all callbacks have been answered 2xx. */
  endAfterFault(): Promise<void>;
}

/**
 * Sends a callback about each payment until it is answered 2xx. It is never sent after that, because a later delivery
 * would hide a loss.
 * @param atOnce how many senders work at the same time
 * @param pause how long a sender waits after a reply, in milliseconds
 */
export function sendUntilStored(
  endpoint: CallbackEndpoint,
  txnids: readonly string[],
  { atOnce, pause, fields = {} }: { atOnce: number; pause: number; fields?: CallbackFields },
): Sending {
  const queue = [...txnids];
  const told = { before: 0, refused: 0, after: 0 };
  let isOver = false;
  const sender = async () => {
    for (let txnid = queue.shift(); txnid !== undefined; txnid = queue.shift()) {
      const { status } = await dispatchSigned(endpoint, paymentFields({ txnid, ...fields }));
      // 500 if the connection of a method was lost.
      expect(status).to.be.oneOf([200, 500, 503]);
      if (status === 200) told[isOver ? 'after' : 'before']++;
      else {
        told.refused++;
        queue.push(txnid);
        await sleep(100);
      }
      await sleep(pause);
    }
  };
  const ended = Promise.all(Array.from({ length: atOnce }, sender));
  // A failed sender rejects endAfterFault(), and must not end the process before.
  ended.catch(() => {});
  return {
    told,
    haveStored: async (count) => {
      while (told.before < count) await Promise.race([sleep(5), ended]);
    },
    endAfterFault: async () => {
      isOver = true;
      await ended;
    },
  };
}
