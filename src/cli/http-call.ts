import { readBounded } from '../async/read-bounded.js';
import { errorText } from './report.js';

/** The result of a request. */
export type Reply =
  | {
      readonly answered: true;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly contentType: string | undefined;
      /** At most 64 KiB of the body. */
      readonly body: string;
      readonly milliseconds: number;
    }
  | {
      readonly answered: false;
      /** Whether the server may have received the request. */
      readonly delivered: boolean;
      readonly reason: string;
      readonly milliseconds: number;
    };

/** One request. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'HEAD' | 'OPTIONS';
  /** The body, as application/x-www-form-urlencoded. */
  readonly form?: string;
  /** Timeout of the whole call. Default: 30,000. */
  readonly milliseconds?: number;
}

const bodyLimit = 65_536;

/** Makes one request without following redirects. Never rejects. */
export async function callUrl(url: string, { method, form, milliseconds = 30_000 }: Call): Promise<Reply> {
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(milliseconds),
      ...(form !== undefined && { body: form, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    });
    const { bytes } = await readBounded(response.body, bodyLimit);
    return {
      answered: true,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      contentType: response.headers.get('content-type') ?? undefined,
      body: bytes.toString('utf8'),
      milliseconds: elapsed(),
    };
  } catch (error) {
    const delivered = !isBeforeConnection(error);
    return { answered: false, delivered, reason: errorText(error), milliseconds: elapsed() };
  }
}

const connectionCodes = [
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'ETIMEDOUT'],
  'UND_ERR_CONNECT_TIMEOUT',
];

/** Whether the request failed before there was a connection: no address, no listener, or no TLS. */
function isBeforeConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code = '', cause, message } = error as NodeJS.ErrnoException;
  // fetch refuses some ports itself.
  return (
    connectionCodes.includes(code) || /^ERR_TLS|CERT/.test(code) || message === 'bad port' || isBeforeConnection(cause)
  );
}
