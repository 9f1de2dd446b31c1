import { AsyncLocalStorage } from 'node:async_hooks';
import type { VerifiedCallback } from '../../model/verified-callback.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import type { Move, MoveResult } from './dialect.js';
import { type BatchedDatabase, StatementBatcher } from './statement-batcher.js';

type SendMoves = (kind: CallbackKind, moves: readonly Move[]) => Promise<ReadonlyMap<string, MoveResult>>;

/** Runs a function in the async context in which this module was loaded: usually an empty one. */
const outside = AsyncLocalStorage.snapshot();

/**
 * Decides which callbacks share a statement, and in which async context it runs. A pool may choose the tenant by the
 * context, and instrumentation the trace. So a statement must never run in the context of a callback that it does not
 * store.
 */
export class Batches {
  readonly #send: SendMoves;
  readonly #most: number;
  readonly #database: BatchedDatabase;
  readonly #keyOf: ((callback: VerifiedCallback) => unknown) | undefined;
  readonly #shared: Readonly<Record<CallbackKind, StatementBatcher<Move, MoveResult>>>;
  readonly #keyed: Readonly<Record<CallbackKind, Map<unknown, StatementBatcher<Move, MoveResult>>>> = {
    payment: new Map(),
    payout: new Map(),
  };

  constructor(
    send: SendMoves,
    most: number,
    database: BatchedDatabase,
    keyOf: ((callback: VerifiedCallback) => unknown) | undefined,
  ) {
    this.#send = send;
    this.#most = most;
    this.#database = database;
    this.#keyOf = keyOf;
    const shared = (kind: CallbackKind) => this.#batcher(kind, outside);
    this.#shared = { payment: shared('payment'), payout: shared('payout') };
  }

  async move(move: Move): Promise<MoveResult> {
    const { kind, id } = move.callback;
    const result =
      this.#most === 1
        ? (await this.#send(kind, [move])).get(id)
        : this.#keyOf === undefined
          ? await this.#shared[kind].add(id, move, move.startBy)
          : await this.#moveByKey(this.#keyOf(move.callback), move);
    return result ?? { state: 'busy' };
  }

  /**
   * A batcher is removed when no callback with its key is waiting or under way. All callbacks with one key belong to
   * the same async context, so the context of the first one serves them all.
   */
  #moveByKey(key: unknown, move: Move): Promise<MoveResult | undefined> {
    const { kind, id } = move.callback;
    const keyed = this.#keyed[kind];
    let batcher = keyed.get(key);
    if (batcher === undefined) {
      batcher = this.#batcher(kind, AsyncLocalStorage.snapshot(), () => keyed.delete(key));
      keyed.set(key, batcher);
    }
    return batcher.add(id, move, move.startBy);
  }

  #batcher(kind: CallbackKind, inContext: typeof outside, onIdle?: () => void): StatementBatcher<Move, MoveResult> {
    const send = (moves: readonly Move[]) => inContext(() => this.#send(kind, moves));
    return new StatementBatcher(send, this.#most, this.#database, onIdle);
  }
}
