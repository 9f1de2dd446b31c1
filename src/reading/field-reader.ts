import type { ReplyCode } from '../errors.js';
import type { CallbackRequest } from '../model/callback-request.js';
import { type FieldsRead, type ReadLimits, readFields } from './read-fields.js';

/** A request whose body is still arriving. */
interface Arriving {
  /**
   * Removed when the body has arrived. When a Set changes its size, the garbage collector keeps members that were
   * deleted long ago. They would keep everything that belongs to their request.
   */
  refuse: ((code: ReplyCode) => void) | undefined;
}

/** Reads the fields of requests. A body that does not arrive in time, or before `close()`, is refused. */
export class FieldReader {
  readonly #limits: ReadLimits & { readonly bodyMilliseconds: number };
  readonly #arriving = new Set<Arriving>();

  constructor(limits: ReadLimits & { readonly bodyMilliseconds: number }) {
    this.#limits = limits;
  }

  read(request: CallbackRequest): FieldsRead | Promise<FieldsRead> {
    const fields = readFields(request, this.#limits);
    return fields instanceof Promise ? this.#inTime(fields) : fields;
  }

  /** Refuses all requests whose bodies are still arriving: `close()` must not wait for their senders. */
  close(): void {
    for (const { refuse } of this.#arriving) refuse?.('closing');
  }

  #inTime(reading: Promise<FieldsRead>): Promise<FieldsRead> {
    return new Promise((resolve, reject) => {
      const refuse = (code: ReplyCode) => {
        done();
        resolve({ ok: false, code });
      };
      const arriving: Arriving = { refuse };
      const done = () => {
        clearTimeout(timer);
        arriving.refuse = undefined;
        this.#arriving.delete(arriving);
      };
      const timer = setTimeout(refuse, this.#limits.bodyMilliseconds, 'body-timeout');
      this.#arriving.add(arriving);
      reading.then(
        (fields) => {
          done();
          resolve(fields);
        },
        (error) => {
          done();
          reject(error);
        },
      );
    });
  }
}
