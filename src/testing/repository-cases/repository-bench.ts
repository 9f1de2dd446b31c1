import assert from 'node:assert/strict';
import { DragonpayError } from '../../errors.js';
import { generateTxnId } from '../../generate-txn-id.js';
import type { CallbackKind } from '../../preprocessing/transaction-status.js';
import type { StatusEffect } from '../../repository/callback-repository.js';
import type { AppliedUpdate, RecordedUpdate } from '../../repository/callback-update.js';
import type {
  InboxEvent,
  PayoutDetails,
  PayoutRow,
  TransactionDetails,
  TransactionRow,
} from '../../repository/rows.js';
import type { ConformingRepository, RepositoryUnderTest } from '../repository-conformance.js';
import type { CallbackFields } from '../sign-callback.js';
import { type Delivery, verifySigned } from '../verify-signed.js';

/** What a case does: it rejects when the repository is wrong. By the name of the case. */
export type RepositoryCases = Readonly<Record<string, (bench: RepositoryBench) => Promise<void>>>;

export const eachKind: readonly CallbackKind[] = ['payment', 'payout'];

export const refno = 'CNFRM001';
export const amount = '100.00';

/** The repository and the short words that the cases are written in. */
export class RepositoryBench {
  readonly repository: ConformingRepository;
  readonly #all: readonly ConformingRepository[];

  constructor({ repository, peers = [] }: RepositoryUnderTest) {
    this.repository = repository;
    this.#all = [repository, ...peers];
  }

  /** Does something many times at once, in turn with each of the repositories. */
  atOnce<Result>(times: number, run: (bench: RepositoryBench, index: number) => Promise<Result>): Promise<Result>[] {
    return Array.from({ length: times }, (_, index) => {
      const repository = this.#all[index % this.#all.length] ?? this.repository;
      return run(new RepositoryBench({ repository }), index);
    });
  }

  /** Makes a payment of PHP 100.00 and answers with its id. */
  async payment(details: Partial<TransactionDetails> = {}): Promise<string> {
    const { txnid } = await this.repository.createTransaction({ txnid: newId(), amount, ...details });
    return txnid;
  }

  /** Makes a payout of PHP 100.00 and answers with its id. */
  async payout(details: Partial<PayoutDetails> = {}): Promise<string> {
    const made = await this.repository.createPayout({ merchantTxnId: newId(), amount, ...details });
    return made.merchantTxnId;
  }

  /** Makes a payment or payout that is in a status already. */
  async inStatus(kind: CallbackKind, status: string): Promise<string> {
    const imported = { status, refno } as { status: 'S'; refno: string };
    return kind === 'payment' ? this.payment(imported) : this.payout(imported);
  }

  async deliver(fields: CallbackFields, options?: Delivery, effect?: StatusEffect): Promise<RecordedUpdate> {
    return this.repository.store(await verifySigned({ refno, message: '', ...fields }, options), effect);
  }

  /** Delivers the news of a status. */
  async tell(kind: CallbackKind, id: string, status: string, effect?: StatusEffect): Promise<RecordedUpdate> {
    return this.deliver({ [kind === 'payment' ? 'txnid' : 'merchantTxnId']: id, status }, {}, effect);
  }

  async row(kind: CallbackKind, id: string): Promise<TransactionRow | PayoutRow> {
    const { repository } = this;
    const row = await (kind === 'payment' ? repository.findTransaction(id) : repository.findPayout(id));
    assert.ok(row, `the ${kind} is found`);
    return row;
  }

  async inbox(kind: CallbackKind, id: string): Promise<InboxEvent[]> {
    return this.repository.callbacks(kind === 'payment' ? { txnid: id } : { merchantTxnId: id });
  }

  /** Runs something that must leave the row as it was. */
  async unchanged<Result>(kind: CallbackKind, id: string, run: () => Promise<Result>): Promise<Result> {
    const before = await this.row(kind, id);
    const result = await run();
    assert.deepEqual(await this.row(kind, id), before, 'the row is as it was');
    return result;
  }
}

export function newId(): string {
  return generateTxnId({ prefix: 'CT-' });
}

export function applied(previous: string, current: string, late = false) {
  return { outcome: 'applied', previous, current, late };
}

/** An effect that counts its runs. */
export function counting(run: StatusEffect['run'] = async () => {}) {
  const effect = {
    milliseconds: 10_000,
    runs: 0,
    async run(update: AppliedUpdate, trx: unknown) {
      effect.runs++;
      await run(update, trx);
    },
  };
  return effect;
}

export function refuses(code: DragonpayError['code']) {
  return (error: unknown) => {
    assert.ok(DragonpayError.is(error), `a coded error, not ${error}`);
    assert.equal(error.code, code);
    return true;
  };
}
