import { type Agent, type IncomingHttpHeaders, request } from 'node:http';

/** The answer to a callback. */
export interface FormAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SendOptions {
  /** Default: `POST`. */
  readonly method?: 'GET' | 'POST';
  /** Default: one connection for this request. */
  readonly agent?: Agent;
  /** Closes the connection after this many milliseconds without an answer. Default: 20,000. */
  readonly timeout?: number;
  readonly path?: string;
}

/** Sends an encoded form to 127.0.0.1 as the gateway does. Rejects without a complete answer. */
export function sendForm(port: number, form: string, options: SendOptions = {}): Promise<FormAnswer> {
  const { method = 'POST', agent = false, timeout = 20_000, path = '/dragonpay/callback' } = options;
  const isPost = method === 'POST';
  return new Promise((resolve, reject) => {
    const sent = request({
      ...{ method, host: '127.0.0.1', port, timeout, agent },
      path: isPost ? path : `${path}?${form}`,
      headers: isPost ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': form.length } : {},
    });
    sent.on('timeout', () => sent.destroy(new Error('not answered in time')));
    sent.on('error', reject);
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('aborted', () => reject(new Error('the answer was cut short')));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.end(isPost ? form : undefined);
  });
}
