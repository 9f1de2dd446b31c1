import { oneLine } from './report.js';

/** What came back of a request. */
export type Reply =
  | {
      readonly answered: true;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly contentType: string | undefined;
      /** At most 64 KiB of it. */
      readonly body: string;
      readonly milliseconds: number;
    }
  | { readonly answered: false; readonly reason: string; readonly milliseconds: number };

/** One request. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'HEAD' | 'OPTIONS';
  /** The body, application/x-www-form-urlencoded. */
  readonly form?: string;
  /** How long it may take, in milliseconds; 30,000 when not given. */
  readonly milliseconds?: number;
}

const longestBody = 65_536;

/** Makes one request, follows no redirect, and never rejects. */
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
    return {
      answered: true,
      status: response.status,
      headers: Object.fromEntries(response.headers),
      contentType: response.headers.get('content-type') ?? undefined,
      body: await readBounded(response),
      milliseconds: elapsed(),
    };
  } catch (error) {
    return { answered: false, reason: oneLine(error), milliseconds: elapsed() };
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length >= longestBody) break;
  }
  return Buffer.concat(chunks).subarray(0, longestBody).toString('utf8');
}
