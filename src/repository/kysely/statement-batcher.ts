/** One callback on its way to the database: the parameters of the move statement, of which the first is the id. */
export type Move = readonly (string | null)[];

/** Sends one statement for any number of moves, at most one for an id; answers with a row for each that was settled. */
export type SendMoves<Row extends { readonly id: string }> = (moves: readonly Move[]) => Promise<readonly Row[]>;

interface Waiting<Row> {
  readonly id: string;
  readonly move: Move;
  readonly resolve: (row: Row | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A statement that takes longer than this, in milliseconds, no longer keeps others waiting. */
const patience = 50;
const mostInFlight = 8;

/**
 * Lets callbacks that arrive while a statement is on its way share the next one. Alone, a callback goes out at once:
 * there is no timer and no added wait. Callbacks of one id keep their order, in one batch or in two.
 */
export class MoveQueue<Row extends { readonly id: string }> {
  readonly #send: SendMoves<Row>;
  readonly #batch: number;
  #waiting: Waiting<Row>[] = [];
  /** The ids of each statement on its way. Not one Set: the tables that one leaves behind as it changes cost time. */
  #inFlight: ReadonlySet<string>[] = [];
  #lastSentAt = 0;

  /** @param batch how many callbacks may share a statement */
  constructor(send: SendMoves<Row>, batch: number) {
    this.#send = send;
    this.#batch = batch;
  }

  /** Resolves to the row of a move that was settled, or `undefined` for one whose row is locked. */
  move(move: Move): Promise<Row | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id: move[0] ?? '', move, resolve, reject });
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#inFlight.length >= mostInFlight) return;
    if (this.#inFlight.length > 0 && Date.now() - this.#lastSentAt < patience) return;
    const { batch, ids } = this.#takeBatch();
    if (batch.length === 0) return;
    this.#inFlight.push(ids);
    this.#lastSentAt = Date.now();
    void this.#settle(batch).finally(() => {
      this.#inFlight = this.#inFlight.filter((other) => other !== ids);
      this.#flush();
    });
  }

  /** The longest waiting, but of each id one only, and none of which an earlier one is still on its way. */
  #takeBatch(): { readonly batch: readonly Waiting<Row>[]; readonly ids: ReadonlySet<string> } {
    const batch: Waiting<Row>[] = [];
    const left: Waiting<Row>[] = [];
    const ids = new Set<string>();
    for (const waiting of this.#waiting) {
      const { id } = waiting;
      if (batch.length >= this.#batch || ids.has(id) || this.#inFlight.some((others) => others.has(id))) {
        left.push(waiting);
      } else {
        ids.add(id);
        batch.push(waiting);
      }
    }
    this.#waiting = left;
    return { batch, ids };
  }

  /** Never rejects: each member hears of its own end. */
  async #settle(batch: readonly Waiting<Row>[]): Promise<void> {
    try {
      const rows = await this.#send(batch.map(({ move }) => move));
      const byId = new Map(rows.map((row) => [row.id, row]));
      for (const { id, resolve } of batch) resolve(byId.get(id));
    } catch (error) {
      if (batch.length > 1 && wasRolledBack(error)) {
        // One of them may be at fault: each is tried alone, so that it fails alone.
        for (const member of batch) await this.#settle([member]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}

/**
 * Whether the server said that it refused the statement. A connection that died, or a server that went down, may have
 * committed before: to try again would take the first try for an earlier callback.
 */
function wasRolledBack(error: unknown): boolean {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return false;
  return typeof error.code === 'string' && !/^(?:08|57|58|XX|40003)/.test(error.code);
}
