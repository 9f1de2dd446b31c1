import { readFileSync } from 'node:fs';

/** A callback that a merchant received and published, 2014 to 2021. Its secret key is not known. */
export interface RecordedCallback {
  readonly kind: 'payment';
  /** The query as it came, where it was recorded. */
  readonly raw_query: string | null;
  readonly fields: Readonly<Record<string, string>>;
  /** Where it was published. */
  readonly origin: string;
}

/** Every recorded callback there is. */
export const recordedCallbacks: readonly RecordedCallback[] = JSON.parse(
  readFileSync(new URL('../data/recorded-callbacks.json', import.meta.url), 'utf8'),
);
