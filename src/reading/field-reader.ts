import type { ReplyCode } from '../errors.js';
import type { CallbackRequest } from '../model/callback-request.js';
import { type FieldsRead, type ReadLimits, readFields } from './read-fields.js';

/** Reads the fields of requests. A body that does not arrive in time, or before `close()`, is refused. */
export class FieldReader {
  readonly #limits: ReadLimits & { readonly bodyMilliseconds: number };
  /** Refuses a request whose body is still arriving. */
  readonly #reading = new Set<(code: ReplyCode) => void>();

  constructor(limits: ReadLimits & { readonly bodyMilliseconds: number }) {
    this.#limits = limits;
  }

  read(request: CallbackRequest): FieldsRead | Promise<FieldsRead> {
    const fields = readFields(request, this.#limits);
    return fields instanceof Promise ? this.#inTime(fields) : fields;
  }

  /** Refuses all requests whose bodies are still arriving: their senders decide when they end. */
  close(): void {
    for (const refuse of this.#reading) refuse('closing');
  }

  #inTime(reading: Promise<FieldsRead>): Promise<FieldsRead> {
    return new Promise((resolve, reject) => {
      const refuse = (code: ReplyCode) => {
        done();
        resolve({ ok: false, code });
      };
      const done = () => {
        clearTimeout(timer);
        this.#reading.delete(refuse);
      };
      const timer = setTimeout(refuse, this.#limits.bodyMilliseconds, 'body-timeout');
      this.#reading.add(refuse);
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
