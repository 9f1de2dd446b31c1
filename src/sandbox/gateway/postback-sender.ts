import { wait } from '../../async/wait.js';
import { encodeCallback } from '../../protocol/sign-callback.js';
import { type Misbehaviour, returnFirstDelay } from './misbehaviour.js';
import type { Postback, PostbackCause, PostbackLog } from './postback-log.js';
import { sendForm } from './send-form.js';

/** A signed callback that is about to be sent. */
export type OutgoingPostback = Pick<Postback, 'kind' | 'subject' | 'status' | 'fields' | 'signedTexts'>;

/** The URL and the method of a postback. */
export interface PostbackTarget {
  readonly url: string;
  readonly method: 'POST' | 'GET';
}

/** A postback that is being sent. Neither promise rejects. */
export interface Sending {
  /** Resolves when the first delivery of each copy has ended. */
  readonly first: Promise<void>;
  /** Resolves to all deliveries when the last one has ended. */
  readonly all: Promise<readonly Postback[]>;
}

const defaultResendDelay = 1_000;

/** Sends postbacks, with the misbehaviour that applies, and records them in the log. */
export class PostbackSender {
  readonly #log: PostbackLog;
  readonly #closing: AbortSignal;

  constructor(log: PostbackLog, closing: AbortSignal) {
    this.#log = log;
    this.#closing = closing;
  }

  /** Sends a postback with its copies and resends. Without a target it is only logged, as dropped. */
  send(
    outgoing: OutgoingPostback,
    target: PostbackTarget | undefined,
    misbehaviour: Misbehaviour = {},
    cause: PostbackCause = 'status',
  ): Sending {
    const copies = Array.from({ length: misbehaviour.copies ?? 1 }, (_, index) =>
      this.#sendOne(outgoing, target, misbehaviour, index === 0 ? cause : 'copy'),
    );
    return {
      first: Promise.all(copies.map(({ first }) => first)).then(() => {}),
      all: Promise.all(copies.map(({ all }) => all)).then((sent) => sent.flat()),
    };
  }

  #sendOne(
    outgoing: OutgoingPostback,
    target: PostbackTarget | undefined,
    misbehaviour: Misbehaviour,
    cause: PostbackCause,
  ): Sending {
    const to = target ?? { url: '', method: 'POST' };
    const dropped =
      target === undefined ? 'no URL is registered' : misbehaviour.drop ? 'dropped on request' : undefined;
    const made = this.#log.add({
      kind: outgoing.kind,
      subject: outgoing.subject,
      status: outgoing.status,
      fields: outgoing.fields,
      signedTexts: outgoing.signedTexts,
      cause,
      ...to,
      ...(dropped === undefined ? { state: 'waiting' } : { state: 'dropped', error: dropped }),
    });
    if (dropped !== undefined) return { first: Promise.resolve(), all: Promise.resolve([made]) };
    const first = this.#deliver(
      made,
      misbehaviour.delayMilliseconds ?? (misbehaviour.returnFirst ? returnFirstDelay : 0),
    );
    return { first: first.then(() => {}), all: this.#resend(first, misbehaviour) };
  }

  async #resend(
    first: Promise<Postback>,
    { resends = 0, resendMilliseconds = defaultResendDelay }: Misbehaviour,
  ): Promise<readonly Postback[]> {
    const sent = [await first];
    for (let last = sent[0]; last !== undefined && !last.acknowledged && sent.length <= resends; last = sent.at(-1)) {
      const { id: _, milliseconds: __, answer: ___, error: ____, ...again } = last;
      const made = this.#log.add({ ...again, cause: 'resend', state: 'waiting' });
      sent.push(await this.#deliver(made, resendMilliseconds));
    }
    return sent;
  }

  /** Never rejects. */
  async #deliver(waiting: Postback, delay: number): Promise<Postback> {
    try {
      if (delay > 0) await wait(delay, this.#closing);
    } catch {
      return this.#log.change(waiting, { state: 'failed', error: 'the sandbox was closed' });
    }
    const sending = this.#log.change(waiting, { state: 'sending', at: new Date() });
    const start = performance.now();
    const took = () => ({ milliseconds: Math.round(performance.now() - start) });
    try {
      const form = encodeCallback(sending.fields);
      const answer = await sendForm(sending.url, sending.method, form, this.#closing);
      const acknowledged = answer.status >= 200 && answer.status <= 299;
      return this.#log.change(sending, { state: 'answered', answer, acknowledged, ...took() });
    } catch (error) {
      return this.#log.change(sending, { state: 'failed', error: reasonOf(error), ...took() });
    }
  }
}

/** The reason of a network error, in one line. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // If several addresses failed, the AggregateError has no message.
  const { code } = error as NodeJS.ErrnoException;
  return error.message || (code ?? error.name);
}
