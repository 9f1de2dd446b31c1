import { createDragonpay } from '../../create-dragonpay.js';
import { DragonpayCallback } from '../../decorators/dragonpay-callback.js';
import { OnGet } from '../../decorators/on-get.js';
import { OnPost } from '../../decorators/on-post.js';
import type { Callback } from '../../model/callback.js';
import type { CallbackEndpoint } from '../../model/callback-request.js';
import type { InboxEvent } from '../../model/rows.js';
import type { RejectedEvent, StoredEvent } from '../../observability/hooks.js';
import type { PaymentStatus, PayoutStatus } from '../../protocol/statuses.js';
import { readForm } from '../../reading/read-fields.js';
import type { CallbackRepository } from '../../repository/callback-repository.js';
import { MemoryRepository } from '../../repository/memory-repository.js';
import type { AdapterServer } from '../adapter-conformance/adapter-harness.js';
import { type HostLimit, RawConnection, type RawReply } from '../adapter-conformance/raw-http.js';
import type { ConformingRepository } from '../repository-conformance/repository-harness.js';
import type { CorpusCase, CorpusSetup } from './callback-corpus.js';
import { settingsOf } from './corpus-setups.js';
import { encodeCase } from './encode-case.js';

/** The results of a case. */
export interface CorpusResult {
  readonly verdicts: readonly string[];
  /** If the server itself may refuse the request: only the status, or nothing. */
  readonly replies: ReadonlyArray<RawReply | number | undefined>;
  readonly row: string | null;
  /** How many events were recorded in the inbox. */
  readonly events: number;
  /** Whether a handler method has seen a valid callback. */
  readonly isSeen: boolean;
  /** The fields of that valid callback. */
  readonly read: Readonly<Record<string, unknown>>;
  /** The fields of the forms in the inbox, as a replay reads them. */
  readonly kept: ReadonlyArray<Readonly<Record<string, unknown>>>;
}

/** Plays the cases of the corpus, one after the other, to one server. */
export class CorpusPlayer {
  readonly #given: ConformingRepository | undefined;
  /** The repository of the case that is played. */
  #repository: ConformingRepository = new MemoryRepository();
  /** The ids whose callbacks were stored. */
  #ids = new Set<string>();
  readonly #endpoints = new Map<CorpusSetup, CallbackEndpoint>();
  #server: AdapterServer | undefined;
  #connection: RawConnection | undefined;
  #endpoint: CallbackEndpoint | undefined;
  #pending = 0;
  #verdicts: string[] = [];
  #read: Record<string, unknown> | undefined;

  constructor(repository: ConformingRepository | undefined) {
    this.#given = repository;
  }

  async start(serve: (endpoint: CallbackEndpoint) => AdapterServer | Promise<AdapterServer>): Promise<void> {
    this.#server = await serve({
      dispatch: async (request) => {
        this.#pending++;
        const before = this.#verdicts.length;
        try {
          return await (this.#endpoint as CallbackEndpoint).dispatch(request);
        } finally {
          if (this.#verdicts.length === before) this.#verdicts.push('answered');
          this.#pending--;
        }
      },
    });
  }

  /** The ways in which the host differs. */
  get limits(): readonly HostLimit[] {
    return this.#server?.limits ?? [];
  }

  /**
   * Sends a case about the payment or payout `id`, and waits for `expected` replies, or for a refusal with any status.
   */
  async play(one: CorpusCase, id: string, expected: number | 'refused'): Promise<CorpusResult> {
    const { setup = 'sha1', before = {}, bytes, then } = one;
    this.#endpoint = this.#endpointOf(setup);
    this.#verdicts = [];
    this.#read = undefined;
    this.#ids = new Set([id]);
    this.#repository = this.#given ?? new MemoryRepository();
    if (before !== null) await this.#makeRow(id, before);
    try {
      const replies = await this.#exchange(one, id, expected);
      const events = await this.#events();
      return {
        verdicts: this.#verdicts.length > 0 ? this.#verdicts : ['not-reached'],
        replies,
        row:
          (await this.#repository.findPayout(id))?.status ?? (await this.#repository.findPayment(id))?.status ?? null,
        events: events.length,
        isSeen: this.#read !== undefined,
        read: this.#read ?? {},
        kept: events.map(({ raw }) => readForm(raw, Number.POSITIVE_INFINITY)?.known ?? {}),
      };
    } finally {
      if (bytes !== undefined || then !== undefined || expected === 'refused') this.#drop();
    }
  }

  async #events(): Promise<InboxEvent[]> {
    const found = [...this.#ids].flatMap((id) => [
      this.#repository.callbacks({ txnid: id }),
      this.#repository.callbacks({ merchantTxnId: id }),
    ]);
    return (await Promise.all(found)).flat();
  }

  async #exchange(one: CorpusCase, id: string, expected: number | 'refused'): Promise<CorpusResult['replies']> {
    const connection = await this.#connect();
    connection.send(encodeCase(one, id));
    const replies: Array<RawReply | number | undefined> = [];
    if (one.then === 'closes') {
      // Gives the server time to read the bytes.
      await new Promise((resolve) => setTimeout(resolve, 20));
      connection.destroy();
    } else if (expected === 'refused') {
      replies.push(await connection.statusOnly());
    } else {
      while (replies.length < expected) replies.push(await nextReply(connection, one.method));
    }
    // If the sender has closed the connection, there is a verdict without a reply.
    const isHeard = () => replies.length > 0 || this.#verdicts.length > 0 || expected === 'refused';
    for (let tries = 0; tries < 200; tries++) {
      if (this.#pending === 0 && isHeard()) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return replies;
  }

  /** Ends the connection, so that the next case begins with a new one. */
  #drop(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  async close(): Promise<void> {
    this.#drop();
    await this.#server?.close();
  }

  async #connect(): Promise<RawConnection> {
    if (this.#connection?.isClosed) this.#connection = undefined;
    this.#connection ??= await RawConnection.to(this.#server?.url ?? '', this.#server?.limits);
    return this.#connection;
  }

  async #makeRow(id: string, { payout, amount = '100.00', status, ...details }: NonNullable<CorpusCase['before']>) {
    if (payout) {
      const known = { ...details, ...(status !== undefined && { status: status as PayoutStatus }) };
      await this.#repository.createPayout({ merchantTxnId: id, amount, ...known });
    } else {
      const known = { ...details, ...(status !== undefined && { status: status as PaymentStatus }) };
      await this.#repository.createPayment({ txnid: id, amount, ...known });
    }
  }

  #endpointOf(setup: CorpusSetup): CallbackEndpoint {
    let endpoint = this.#endpoints.get(setup);
    if (endpoint === undefined) {
      const { settings, allowInvalidData, updateOnGet } = settingsOf(setup);
      const see = (callback: Callback) => this.#see(callback);
      @DragonpayCallback({ allowInvalidData, updateOnGet })
      class Listening {
        @OnGet()
        get(callback: Callback) {
          see(callback);
        }

        @OnPost()
        post(callback: Callback) {
          see(callback);
        }
      }
      const hooks = {
        rejected: ({ code }: RejectedEvent) => void this.#verdicts.push(code),
        handlerFailed: () => void this.#verdicts.push('handler-failed'),
        stored: ({ id, update }: StoredEvent) => {
          this.#verdicts.push(update.outcome);
          this.#ids.add(id);
        },
        keysFailed: () => {},
      };
      const repository: CallbackRepository = {
        store: (callback, options) => this.#repository.store(callback, options),
        findPayment: (txnid) => this.#repository.findPayment(txnid),
        findPayout: (merchantTxnId) => this.#repository.findPayout(merchantTxnId),
      };
      endpoint = createDragonpay({ ...settings, repository, hooks }).endpoint(Listening);
      this.#endpoints.set(setup, endpoint);
    }
    return endpoint;
  }

  #see(callback: Callback): void {
    if (!callback.valid) return;
    if (callback.update.outcome === 'skipped') this.#verdicts.push('skipped');
    this.#read = { ...callback.data, ...callback.unsigned };
  }
}

/** The next reply that is not a `100 Continue`. */
async function nextReply(connection: RawConnection, method: string | undefined): Promise<RawReply> {
  const reply = await connection.reply(method);
  return reply.status === 100 ? nextReply(connection, method) : reply;
}
