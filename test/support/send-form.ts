import { type Agent, type IncomingHttpHeaders, request } from 'node:http';

/** How a callback was answered. */
export interface FormAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SendOptions {
  /** `POST` when not given. */
  readonly method?: 'GET' | 'POST';
  /** A connection of its own when not given. */
  readonly agent?: Agent;
  /** Hangs up after so many milliseconds without an answer. */
  readonly timeout?: number;
  readonly path?: string;
}

/** Sends an encoded form to 127.0.0.1 as the gateway would. Rejects when it is not answered to the end. */
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
