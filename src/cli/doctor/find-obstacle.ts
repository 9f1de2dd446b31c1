import { escapeForTerminal } from '../report.js';
import { type Answer, codeOf, isFromHandler } from './answer.js';
import { type Check, found } from './check.js';

const mountForAll = 'mount the handler for all methods, such as app.all(path, toExpressHandler(endpoint))';
const mountFirst = 'mount the handler before it, or exclude this URL: docs/mounting.md, "CSRF and login"';

/** The problem that keeps callbacks from being verified; `undefined` if the handler judged the forged callback. */
export function findObstacle(answer: Answer, url: string): Check | undefined {
  const { status, headers } = answer;
  const code = codeOf(answer);
  if (code !== undefined && Object.hasOwn(handlerProblems, code)) {
    const [what, fix] = handlerProblems[code] as Problem;
    return found(code === 'body-consumed' ? 'parser' : 'handler', `the handler answers ${code}: ${what}`, fix);
  }
  if (code !== undefined || isFromHandler(answer) || status < 300) return undefined;
  if (status < 400) return redirect(headers.location ?? '', url);
  const [check, what, fix] = statusProblems[status] ?? [
    'server',
    status < 500 ? 'something other than the handler refuses it' : 'the server fails',
    status < 500 ? mountFirst : 'check its log: code before the handler throws, or a proxy finds no server',
  ];
  return found(check, `${what} (${status})`, fix);
}

type Problem = readonly [what: string, fix: string];

/** Answers of the handler that mean that no callback gets through. */
const handlerProblems: Readonly<Record<string, Problem>> = {
  'body-consumed': [
    'the body was read before the handler, and nothing of it was left',
    'mount the handler before body parsers, loggers and proxies that read the stream: docs/mounting.md',
  ],
  'keys-unavailable': [
    "it cannot fetch Dragonpay's public keys",
    'check its DRAGONPAY_API_KEY, and whether its machine reaches the gateway by https',
  ],
  'address-not-allowed': [
    'the address of this machine is not in allowFrom',
    'add the addresses of the postbacks, set clientAddress behind a proxy, or run the doctor from an allowed address',
  ],
  'kind-not-accepted': ['this endpoint accepts neither payments nor payouts', 'check the kinds of this endpoint'],
  'unsupported-media-type': ['the content type was changed on the way', 'let the proxy pass headers on unchanged'],
  'unsupported-content-encoding': ['the body was compressed on the way', 'let the proxy pass the body on unchanged'],
  'missing-field': ['a field was lost on the way', 'check for code that reads or rewrites the body before the handler'],
  'malformed-field': ['a field was changed on the way', 'check for code that rewrites the body before the handler'],
  'altered-by-parser': ['a body parser changed a field', 'mount the handler before body parsers: docs/mounting.md'],
  closing: ['it is closing', 'run the doctor again after it has started'],
};

/** Statuses that a proxy or a server in front of the handler answers. */
const statusProblems: Readonly<Record<number, readonly [check: string, what: string, fix: string]>> = {
  401: ['login', 'the URL requires a login, which a postback does not have', mountFirst],
  403: ['csrf', 'CSRF protection or a firewall refuses the request before the handler', mountFirst],
  404: ['mount', 'nothing accepts a POST at this URL', mountForAll],
  405: ['mount', 'this URL does not accept POST', mountForAll],
  419: ['csrf', 'CSRF protection refuses the request before the handler', mountFirst],
  429: ['rate', 'a rate limiter refuses the request', 'exclude this URL: many postbacks come from few addresses'],
};

function redirect(location: string, url: string): Check {
  const to = URL.canParse(location, url) ? new URL(location, url) : undefined;
  const where = to === undefined ? 'elsewhere' : `to ${escapeForTerminal(to.origin + to.pathname)}`;
  const from = new URL(url);
  const isSamePage = to?.host === from.host && to.pathname.replace(/\/$/, '') === from.pathname.replace(/\/$/, '');
  const fix = isSamePage
    ? `register ${to?.origin}${to?.pathname} with Dragonpay`
    : `register the final URL; if this is a login page, ${mountFirst}`;
  return found('redirect', `the URL redirects ${where}, and postbacks may not follow redirects`, fix);
}
