import { readFileSync } from 'node:fs';

/** A callback that a merchant received and published between 2014 and 2021. Its secret key is unknown. */
export interface RecordedCallback {
  readonly kind: 'payment';
  /** The query string, if it was recorded. */
  readonly raw_query: string | null;
  readonly fields: Readonly<Record<string, string>>;
  /** The place of publication. */
  readonly origin: string;
}

/** All recorded callbacks. */
export const recordedCallbacks: readonly RecordedCallback[] = JSON.parse(
  readFileSync(new URL('../data/recorded-callbacks.json', import.meta.url), 'utf8'),
);
