import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { PostbackAnswer } from './postback-log.js';

const timeoutMilliseconds = 30_000;
const longestBody = 2_000;

/**
 * Sends a form as a gateway's server does: with no more headers than needed, on a connection of its own, following no
 * redirect. Rejects where no answer came to its end within 30 seconds.
 */
export function sendForm(
  url: string,
  method: 'POST' | 'GET',
  form: string,
  signal: AbortSignal,
): Promise<PostbackAnswer> {
  const target = new URL(url);
  // As text, since URL would write the escapes in another way.
  const path = `${target.pathname}${target.search}`;
  const isPost = method === 'POST';
  const joined = `${path}${target.search === '' ? '?' : '&'}${form}`;
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const sent = send({
      method,
      protocol: target.protocol,
      host: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port,
      path: isPost ? path : joined,
      headers: isPost
        ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(form) }
        : {},
      agent: false,
      signal,
      setHost: false,
    });
    sent.setHeader('host', target.host);
    const timer = setTimeout(() => sent.destroy(new Error('no answer within 30 seconds')), timeoutMilliseconds);
    sent.on('close', () => clearTimeout(timer));
    sent.on('error', reject);
    sent.on('response', (response) => readAnswer(response).then(resolve, reject));
    // Node ends such a connection without a word.
    sent.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('the answer changes the protocol (101)'));
    });
    sent.end(isPost ? form : undefined);
  });
}

async function readAnswer(response: IncomingMessage): Promise<PostbackAnswer> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    if (body.length < longestBody) body += chunk;
  }
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? '',
    body: body.slice(0, longestBody),
  };
}
