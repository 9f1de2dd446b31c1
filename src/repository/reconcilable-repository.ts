/** A payment that one process may ask the gateway about, until its lease is over. */
export interface InquiryClaim {
  readonly txnid: string;
  /** Tells this claim from a later one of the same payment. Opaque. */
  readonly lease: string;
}

/**
 * What `reconcile()` needs of a repository beside the port. Claims are short: none holds a transaction open, and the
 * lease of a process that died runs out by itself.
 */
export interface ReconcilableRepository {
  /**
   * Claims the open payment (P, U, A) that was longest without news or inquiry, if that is `olderThan` or more. Never
   * one that another claim holds, whatever the number of processes that ask.
   * @param options.olderThan milliseconds
   * @param options.lease how long the claim holds, in milliseconds
   */
  claimOpenPayment(options: { readonly olderThan: number; readonly lease: number }): Promise<InquiryClaim | undefined>;

  /** Claims a payment by its id, whatever its status. `held`: another claim, or a transaction, has it at the moment. */
  claimPayment(txnid: string, options: { readonly lease: number }): Promise<InquiryClaim | 'held' | 'not-found'>;

  /** Ends a claim: the payment was asked about now. Does nothing where the lease ran out and another claim has it. */
  finishInquiry(claim: InquiryClaim): Promise<void>;
}

/** Whether a repository can be reconciled. */
export function isReconcilable(repository: object): repository is ReconcilableRepository {
  return ['claimOpenPayment', 'claimPayment', 'finishInquiry'].every(
    (method) => typeof Reflect.get(repository, method) === 'function',
  );
}
