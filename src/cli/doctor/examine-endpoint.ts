import { isSafeGateway } from '../../protocol/gateway-addresses.js';
import { callUrl, type Reply } from '../http-call.js';
import { printable } from '../report.js';
import { type Check, checkClock, found, ok, skipped } from './check.js';
import { type Forgeries, makeForgeries } from './forgeries.js';

type Answered = Extract<Reply, { answered: true }>;

/** How long a reply may take before it is a finding, in milliseconds. */
const slow = 3_000;
const longestWait = 15_000;

const mountAll = 'mount the handler for all methods, such as app.all(path, toExpressHandler(endpoint))';
const mountFirst = 'mount the handler before it, or leave this URL out of it: docs/mounting.md, "CSRF and login"';

/** Looks at a running handler from outside, with forged callbacks only. Never rejects. */
export async function examineEndpoint(url: string): Promise<Check[]> {
  let forgeries = makeForgeries('payment');
  let reply = await callUrl(url, { method: 'POST', form: forgeries.plain, milliseconds: longestWait });
  if (!reply.answered) return [unreachable(url, reply)];
  if (codeOf(reply) === 'kind-not-accepted') {
    forgeries = makeForgeries('payout');
    const second = await callUrl(url, { method: 'POST', form: forgeries.plain, milliseconds: longestWait });
    if (second.answered) reply = second;
  }
  const blocked = whatBlocks(reply, url);
  return [
    ok('reach', `the URL answers: a forged callback is told ${summary(reply)}`),
    checkTransport(url),
    ...(blocked === undefined ? [...checkForgery(reply), checkContentType(reply)] : [blocked]),
    blocked === undefined ? await checkParser(url, reply, forgeries) : skipped('parser', 'the handler is not reached'),
    isInTheWay(reply) ? skipped('methods', 'the handler is not reached') : await checkMethods(url, forgeries.plain),
    checkPace(reply),
    checkDate(reply),
  ];
}

function unreachable(url: string, { reason, milliseconds }: Extract<Reply, { answered: false }>): Check {
  const { hostname, port } = new URL(url);
  const mend = /certificate|self.signed|CERT/i.test(reason)
    ? 'give it a certificate that is valid for its name, with the whole chain'
    : milliseconds >= longestWait
      ? 'it takes requests and does not answer: look for a body that was read before, or a firewall that drops'
      : `start the server, and see that ${hostname}${port && `:${port}`} is reached from here`;
  return found('reach', `no reply after ${milliseconds} ms: ${printable(reason)}`, mend);
}

function checkTransport(url: string): Check {
  if (isSafeGateway(url)) return ok('transport', 'https, or this machine');
  return found('transport', 'it is served by http', 'serve it by https: a callback that is overheard can be replayed');
}

/** What the handlers of this package say of a refused callback: `error=<code>`. */
function codeOf({ body }: Answered): string | undefined {
  return /^error=([a-z0-9-]+)$/.exec(body.trim())?.[1];
}

/** Every reply of an endpoint carries these, whatever the handler says. */
function isOurs({ headers }: Answered): boolean {
  return (
    headers['cache-control'] === 'no-store' &&
    headers['referrer-policy'] !== undefined &&
    headers['x-content-type-options'] === 'nosniff'
  );
}

function summary({ status, body }: Answered): string {
  const text = printable(body.trim());
  return `${status} ${text.length > 60 ? `${text.slice(0, 60)}...` : text}`.trim();
}

/** Whether something answers every method, so that there is no use in asking about each. */
function isInTheWay(reply: Answered): boolean {
  return (
    !isOurs(reply) && ((reply.status >= 300 && reply.status < 400) || reply.status === 401 || reply.status === 404)
  );
}

function whatBlocks(reply: Answered, url: string): Check | undefined {
  const { status, headers } = reply;
  const code = codeOf(reply);
  if (code !== undefined && code in ownFaults) {
    const [what, mend] = ownFaults[code] as readonly [string, string];
    return found(code === 'body-consumed' ? 'parser' : 'handler', `the handler says ${code}: ${what}`, mend);
  }
  if (isOurs(reply) || code !== undefined) return undefined;
  if (status >= 300 && status < 400) return redirected(headers.location ?? '', url);
  switch (status) {
    case 401:
      return found('login', 'it asks for a login (401): a postback has none', mountFirst);
    case 403:
    case 419:
      return found('csrf', `it is refused (${status}) before the handler: CSRF protection or a firewall`, mountFirst);
    case 404:
      return found('mount', 'nothing takes a POST at this URL (404)', mountAll);
    case 405:
      return found('mount', 'no POST is taken at this URL (405)', mountAll);
    case 429:
      return found(
        'rate',
        'a rate limiter refuses it (429)',
        'leave this URL out: many postbacks come from few addresses',
      );
  }
  if (status >= 500) {
    return found(
      'server',
      `it fails (${status})`,
      'look at its log: something before the handler throws, or a proxy has no server',
    );
  }
  if (status >= 400) {
    return found('server', `it is refused (${status}) by something that is not the handler`, mountFirst);
  }
  return undefined;
}

/** Codes of the handler itself that say that no callback will get through. */
const ownFaults: Readonly<Record<string, readonly [what: string, mend: string]>> = {
  'body-consumed': [
    'something in front has read the body, and left nothing of it',
    'mount the handler before body parsers, loggers and proxies that read the stream: docs/mounting.md',
  ],
  'keys-unavailable': [
    "it cannot fetch Dragonpay's public keys",
    'look at its DRAGONPAY_API_KEY, and whether its machine reaches the gateway by https',
  ],
  'address-not-allowed': [
    'this address is not in allowFrom',
    'add the addresses that postbacks come from, or behind a proxy set clientAddress; or ask from an allowed one',
  ],
  'kind-not-accepted': ['it takes neither payments nor payouts here', 'look at the kinds of this endpoint'],
  'unsupported-media-type': ['the content type was changed on the way', 'let the proxy pass headers on as they are'],
  'unsupported-content-encoding': ['the body was compressed on the way', 'let the proxy pass the body on as it is'],
  'missing-field': ['a field was lost on the way', 'look for what reads or rewrites the body before the handler'],
  'malformed-field': ['a field was changed on the way', 'look for what rewrites the body before the handler'],
  'altered-by-parser': ['a parser has changed a field', 'mount the handler before body parsers: docs/mounting.md'],
  closing: ['it is closing', 'ask again when it has started'],
};

function redirected(location: string, url: string): Check {
  const to = URL.canParse(location, url) ? new URL(location, url) : undefined;
  const where = to === undefined ? 'elsewhere' : `to ${printable(to.origin + to.pathname)}`;
  const from = new URL(url);
  if (to !== undefined && /log-?in|sign-?in|auth|session/i.test(to.pathname)) {
    return found('login', `it redirects ${where}: a postback has no login`, mountFirst);
  }
  const isSame = to?.host === from.host && to.pathname.replace(/\/$/, '') === from.pathname.replace(/\/$/, '');
  const mend = isSame
    ? `register ${to?.origin}${to?.pathname} with Dragonpay, as it is served`
    : 'register the URL that answers by itself: a postback need not follow a redirect, and a POST would become a GET';
  return found('redirect', `it redirects ${where}`, mend);
}

function checkForgery(reply: Answered): Check[] {
  if (reply.status < 200 || reply.status > 299) return [ok('forgery', 'a forged callback is refused')];
  return [
    found(
      'forgery',
      `A FORGED CALLBACK IS ACCEPTED: ${summary(reply)}`,
      'verify the proof before anything is stored or answered, and let no method answer an invalid callback with a 2xx',
    ),
  ];
}

function checkContentType(reply: Answered): Check {
  const type = reply.contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'text/plain') return ok('type', 'the reply is text/plain');
  // A method of the handler may show a refusal as it likes.
  if (isOurs(reply) && reply.status >= 400)
    return skipped('type', 'a method of the handler answers forgeries by itself');
  const what = type === undefined ? 'without a content type' : printable(type);
  return found(
    'type',
    `the reply to a postback is ${what}`,
    'answer text/plain with the line result=OK, as is the default',
  );
}

async function checkParser(url: string, reply: Answered, { faulty }: Forgeries): Promise<Check> {
  if (codeOf(reply) === undefined) return skipped('parser', 'the handler does not say why it refuses');
  const answers = await Promise.all(
    faulty.map(({ form }) => callUrl(url, { method: 'POST', form, milliseconds: longestWait })),
  );
  const unanswered = answers.find((answer) => !answer.answered);
  if (unanswered !== undefined) {
    const mend = 'look at its log: a parser in front fails, or leaves the request open';
    return found('parser', `a form with a fault gets no reply: ${printable(unanswered.reason)}`, mend);
  }
  const hidden = faulty
    .filter(({ code }, index) => {
      const answer = answers[index];
      return answer?.answered && codeOf(answer) !== code;
    })
    .map((one) => one.hidden);
  if (hidden.length === 0) return ok('parser', 'the body reaches the handler as it was sent');
  return found(
    'parser',
    `a body parser stands in front: ${hidden.join('; ')}`,
    'mount the handler before body parsers: proofs cover the exact text, and a callback that is changed is refused',
  );
}

async function checkMethods(url: string, forgery: string): Promise<Check> {
  const [head, options, get] = await Promise.all([
    callUrl(url, { method: 'HEAD', milliseconds: longestWait }),
    callUrl(url, { method: 'OPTIONS', milliseconds: longestWait }),
    callUrl(`${url}${url.includes('?') ? '&' : '?'}${forgery}`, { method: 'GET', milliseconds: longestWait }),
  ]);
  if (get.answered && get.status < 300 && get.body.trim() === 'result=OK') {
    return found('forgery', 'A FORGED CALLBACK IS ACCEPTED by GET', 'verify the proof before anything is answered');
  }
  const wrong = [
    ...(head.answered && head.status === 200 ? [] : [`HEAD ${statusOf(head)}`]),
    // What answers the OPTIONS of browsers for the whole application does no harm.
    ...(options.answered && options.status < 300 ? [] : [`OPTIONS ${statusOf(options)}`]),
    ...(get.answered && (isOurs(get) || codeOf(get) !== undefined) ? [] : [`GET ${statusOf(get)}`]),
  ];
  if (wrong.length === 0) return ok('methods', 'GET, HEAD and OPTIONS are answered by the handler');
  return found('methods', `not answered by the handler: ${wrong.join(', ')}`, mountAll);
}

function statusOf(reply: Reply): string {
  return reply.answered ? String(reply.status) : 'without a reply';
}

function checkPace({ milliseconds }: Answered): Check {
  if (milliseconds <= slow) return ok('pace', `the reply took ${milliseconds} ms`);
  return found(
    'pace',
    `the reply took ${milliseconds} ms, even to a forgery`,
    'do slow work after the commit, in a queue; look for what waits in front of the handler, such as a cold start',
  );
}

function checkDate({ headers, milliseconds }: Answered): Check {
  const time = Date.parse(headers.date ?? '');
  if (Number.isNaN(time)) return skipped('clock', 'the reply has no Date');
  return checkClock('the server', time, 1000 + milliseconds);
}
