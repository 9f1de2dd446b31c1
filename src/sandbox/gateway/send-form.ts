import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { readBounded } from '../../async/read-bounded.js';
import type { PostbackAnswer } from './postback-log.js';

const timeoutMilliseconds = 30_000;
const bodyLimit = 2_000;

/**
 * Sends a form as the gateway's server does: with as few headers as possible, on a new connection, without following
 * redirects. Rejects if there is no complete answer within 30 seconds.
 */
export function sendForm(
  url: string,
  method: 'POST' | 'GET',
  form: string,
  signal: AbortSignal,
): Promise<PostbackAnswer> {
  const target = new URL(url);
  // Joined as text, because URL would change the escapes.
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
    // Without this listener Node closes the connection, and the promise would never settle.
    sent.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('the server answered 101 Switching Protocols'));
    });
    sent.end(isPost ? form : undefined);
  });
}

async function readAnswer(response: IncomingMessage): Promise<PostbackAnswer> {
  const { bytes } = await readBounded(response, bodyLimit * 4, 'drain');
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? '',
    body: bytes.toString('utf8').slice(0, bodyLimit),
  };
}
