import assert from 'node:assert/strict';
import { DragonpayError } from '../../errors.js';
import type { AppliedUpdate, RecordedUpdate } from '../../model/callback-update.js';
import type { InboxEvent, PaymentDetails, PaymentRow, PayoutDetails, PayoutRow } from '../../model/rows.js';
import { generateTxnId } from '../../protocol/generate-txn-id.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { CallbackFields } from '../../protocol/sign-callback.js';
import type { CallbackRepository, StatusEffect } from '../../repository/callback-repository.js';
import type { ConfirmableRepository } from '../../repository/capabilities.js';
import { type Delivery, verifySigned } from '../verify-signed.js';

/** A repository as {@link repositoryConformance} uses it: the port, and methods that a merchant calls. */
export interface ConformingRepository extends CallbackRepository, Partial<ConfirmableRepository> {
  createPayment(details: PaymentDetails): Promise<PaymentRow>;
  createPayout(details: PayoutDetails): Promise<PayoutRow>;
  /** The inbox: the events of one payment or payout, the oldest first. */
  callbacks(filter: { readonly txnid?: string; readonly merchantTxnId?: string }): Promise<InboxEvent[]>;
}

/** The repository of one case. */
export interface RepositoryUnderTest {
  readonly repository: ConformingRepository;
  /** More repositories over the same database, as in other processes. Concurrent callbacks are spread over all. */
  readonly peers?: readonly ConformingRepository[];
  close?(): unknown;
}

/** The cases by name. A case rejects if the repository is wrong. */
export type RepositoryCases = Readonly<Record<string, (bench: RepositoryHarness) => Promise<void>>>;

export const eachKind: readonly CallbackKind[] = ['payment', 'payout'];

export const refno = 'CNFRM001';
export const amount = '100.00';

/** The repository, and helpers for the cases. */
export class RepositoryHarness {
  readonly repository: ConformingRepository;
  readonly #all: readonly ConformingRepository[];

  constructor({ repository, peers = [] }: RepositoryUnderTest) {
    this.repository = repository;
    this.#all = [repository, ...peers];
  }

  /** Runs something many times concurrently, on each repository in turn. */
  atOnce<Result>(times: number, run: (bench: RepositoryHarness, index: number) => Promise<Result>): Promise<Result>[] {
    return Array.from({ length: times }, (_, index) => {
      const repository = this.#all[index % this.#all.length] ?? this.repository;
      return run(new RepositoryHarness({ repository }), index);
    });
  }

  /** Makes a payment of PHP 100.00. Resolves to its id. */
  async payment(details: Partial<PaymentDetails> = {}): Promise<string> {
    const { txnid } = await this.repository.createPayment({ txnid: newId(), amount, ...details });
    return txnid;
  }

  /** Makes a payout of PHP 100.00. Resolves to its id. */
  async payout(details: Partial<PayoutDetails> = {}): Promise<string> {
    const made = await this.repository.createPayout({ merchantTxnId: newId(), amount, ...details });
    return made.merchantTxnId;
  }

  /** Makes a payment or payout in a given status. */
  async inStatus(kind: CallbackKind, status: string): Promise<string> {
    const imported = { status, refno } as { status: 'S'; refno: string };
    return kind === 'payment' ? this.payment(imported) : this.payout(imported);
  }

  async deliver(fields: CallbackFields, options?: Delivery, effect?: StatusEffect): Promise<RecordedUpdate> {
    return this.repository.store(await verifySigned({ refno, message: '', ...fields }, options), effect);
  }

  /** Delivers a callback with a status. */
  async tell(kind: CallbackKind, id: string, status: string, effect?: StatusEffect): Promise<RecordedUpdate> {
    return this.deliver({ [kind === 'payment' ? 'txnid' : 'merchantTxnId']: id, status }, {}, effect);
  }

  async find(
    kind: CallbackKind,
    id: string,
    options: { readonly trx?: unknown } = {},
  ): Promise<PaymentRow | PayoutRow | undefined> {
    const { repository } = this;
    return kind === 'payment' ? repository.findPayment(id, options) : repository.findPayout(id, options);
  }

  async row(kind: CallbackKind, id: string): Promise<PaymentRow | PayoutRow> {
    const row = await this.find(kind, id);
    assert.ok(row, `the ${kind} is found`);
    return row;
  }

  async inbox(kind: CallbackKind, id: string): Promise<InboxEvent[]> {
    return this.repository.callbacks(kind === 'payment' ? { txnid: id } : { merchantTxnId: id });
  }

  /** Runs something that must not change the row. */
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
