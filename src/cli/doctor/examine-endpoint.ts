import { isSafeGateway } from '../../protocol/gateway-addresses.js';
import { callUrl, type Reply } from '../http-call.js';
import { escapeForTerminal } from '../report.js';
import { type Answer, codeOf, isFromHandler, summarize } from './answer.js';
import { type Check, checkClock, found, ok, skipped } from './check.js';
import { findObstacle } from './find-obstacle.js';
import { createForgeries, type Forgeries } from './forgeries.js';

/** How long the doctor waits for an answer. */
export interface Waits {
  /** Timeout of a call, in milliseconds. */
  readonly timeout: number;
  /** An answer that takes longer is a problem, in milliseconds. */
  readonly slow: number;
}

/** Examines a running handler from outside, with forged callbacks only. Never rejects. */
export async function examineEndpoint(
  url: string,
  { timeout, slow }: Waits = { timeout: 15_000, slow: 3_000 },
): Promise<Check[]> {
  const post = (form: string) => callUrl(url, { method: 'POST', form, milliseconds: timeout });
  let forgeries = createForgeries('payment');
  let answer = await post(forgeries.plain);
  if (!answer.answered) return [unreachable(url, answer)];
  if (codeOf(answer) === 'kind-not-accepted') {
    forgeries = createForgeries('payout');
    const second = await post(forgeries.plain);
    if (second.answered) answer = second;
  }
  const obstacle = findObstacle(answer, url);
  const isReached = obstacle === undefined;
  return [
    ok('reach', `the URL answers a forged callback: ${summarize(answer)}`),
    checkTransport(url),
    ...(isReached ? [checkForgery(answer), checkContentType(answer)] : [obstacle]),
    isReached ? await checkParser(answer, forgeries, post) : skipped('parser', 'the handler is not reached'),
    answersEveryMethod(answer)
      ? skipped('methods', 'the handler is not reached')
      : await checkMethods(url, forgeries.plain, timeout),
    checkPace(answer, slow),
    checkDate(answer),
  ];
}

function unreachable(url: string, reply: Extract<Reply, { answered: false }>): Check {
  const { reason, milliseconds, delivered } = reply;
  const { hostname, port } = new URL(url);
  const fix = /certificate|self.signed|CERT/i.test(reason)
    ? 'use a certificate that is valid for this name, with the whole chain'
    : delivered
      ? 'the server accepts requests and does not answer: check for a body that was read before the handler'
      : `start the server, and check that this machine can connect to ${hostname}${port && `:${port}`}`;
  return found('reach', `no reply after ${milliseconds} ms: ${escapeForTerminal(reason)}`, fix);
}

function checkTransport(url: string): Check {
  if (isSafeGateway(url)) return ok('transport', 'the URL uses https, or is on this machine');
  return found('transport', 'the URL uses http', 'use https: an intercepted callback can be replayed');
}

function checkForgery(answer: Answer): Check {
  if (answer.status < 200 || answer.status > 299) return ok('forgery', 'a forged callback is refused');
  return found(
    'forgery',
    `A FORGED CALLBACK IS ACCEPTED: ${summarize(answer)}`,
    'verify the proof before anything is stored or answered; no method may answer an invalid callback with a 2xx',
  );
}

function checkContentType(answer: Answer): Check {
  const type = answer.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'text/plain') return ok('type', 'the reply is text/plain');
  if (isFromHandler(answer) && answer.status >= 400) {
    return skipped('type', 'a method of the handler answers forged callbacks itself');
  }
  const what = type === undefined ? 'has no content type' : `is ${escapeForTerminal(type)}`;
  return found('type', `the reply to a postback ${what}`, 'answer result=OK as text/plain, which is the default');
}

async function checkParser(
  answer: Answer,
  { faulty }: Forgeries,
  post: (form: string) => Promise<Reply>,
): Promise<Check> {
  if (codeOf(answer) === undefined) return skipped('parser', 'the handler does not say why it refuses');
  const replies = await Promise.all(faulty.map(({ form }) => post(form)));
  const unanswered = replies.find((reply) => !reply.answered);
  if (unanswered !== undefined) {
    const fix = 'check its log: a body parser before the handler fails, or leaves the request open';
    return found('parser', `a faulty form gets no reply: ${escapeForTerminal(unanswered.reason)}`, fix);
  }
  const hidden = faulty
    .filter(({ code }, index) => {
      const reply = replies[index];
      return reply?.answered && codeOf(reply) !== code;
    })
    .map((one) => one.hidden);
  if (hidden.length === 0) return ok('parser', 'the body reaches the handler as it was sent');
  return found(
    'parser',
    `the handler works, but a body parser runs before it: ${hidden.join('; ')}`,
    'mount the handler before body parsers: proofs cover the exact text, so a changed callback is refused',
  );
}

/** Whether a proxy or the server answers requests of any method, so that a check of each method would show nothing. */
function answersEveryMethod(answer: Answer): boolean {
  const { status } = answer;
  return !isFromHandler(answer) && ((status >= 300 && status < 400) || status === 401 || status === 404);
}

async function checkMethods(url: string, forgery: string, milliseconds: number): Promise<Check> {
  const [head, options, get] = await Promise.all([
    callUrl(url, { method: 'HEAD', milliseconds }),
    callUrl(url, { method: 'OPTIONS', milliseconds }),
    callUrl(`${url}${url.includes('?') ? '&' : '?'}${forgery}`, { method: 'GET', milliseconds }),
  ]);
  if (get.answered && get.status < 300 && get.body.trim() === 'result=OK') {
    return found('forgery', 'A FORGED CALLBACK IS ACCEPTED by GET', 'verify the proof before anything is answered');
  }
  const wrong = [
    ...(head.answered && head.status === 200 ? [] : [`HEAD ${statusOf(head)}`]),
    // The application may answer all OPTIONS requests of browsers.
    ...(options.answered && options.status < 300 ? [] : [`OPTIONS ${statusOf(options)}`]),
    ...(get.answered && (isFromHandler(get) || codeOf(get) !== undefined) ? [] : [`GET ${statusOf(get)}`]),
  ];
  if (wrong.length === 0) return ok('methods', 'the handler answers GET, HEAD and OPTIONS');
  return found(
    'methods',
    `the handler does not answer ${wrong.join(', ')}`,
    'mount the handler for all methods, such as app.all(path, toExpressHandler(endpoint))',
  );
}

function statusOf(reply: Reply): string {
  return reply.answered ? String(reply.status) : 'without a reply';
}

function checkPace({ milliseconds }: Answer, slow: number): Check {
  if (milliseconds <= slow) return ok('pace', `the reply took ${milliseconds} ms`);
  return found(
    'pace',
    `the reply to a forged callback took ${milliseconds} ms`,
    'do slow work in a queue after the commit; look for delays before the handler, such as a cold start',
  );
}

function checkDate({ headers, milliseconds }: Answer): Check {
  const time = Date.parse(headers.date ?? '');
  if (Number.isNaN(time)) return skipped('clock', 'the reply has no Date header');
  return checkClock('the server', time, 1000 + milliseconds);
}
