import { timingSafeEqual } from 'node:crypto';
import { wait } from '../../async/wait.js';
import { DragonpayError } from '../../errors.js';
import { writeManilaTime } from '../../protocol/manila-time.js';
import { predecessors } from '../../protocol/statuses.js';
import { parseJsonObject } from '../../web/json-body.js';
import {
  json,
  jsonText,
  type RouteGroup,
  text,
  type WebReply,
  type WebRequest,
  withHeaders,
} from '../../web/router.js';
import type { SandboxPayment } from '../gateway/ledger.js';
import type { TestGateway } from '../gateway/test-gateway.js';

/**
 * The API for merchants: collection with HTTP Basic authentication, payouts with the API key as a bearer token, and the
 * legacy inquiry. The shape of the answers is known with medium confidence, of answers about payouts with low.
 */
export function gatewayApi(gateway: TestGateway): RouteGroup {
  const { ledger, misbehaviours, account } = gateway;

  async function answered(id: string | undefined, reply: WebReply | Promise<WebReply>): Promise<WebReply> {
    const made = await reply;
    const { answerMilliseconds = 0 } = id === undefined ? misbehaviours.get() : misbehaviours.of(id);
    if (answerMilliseconds > 0) await wait(answerMilliseconds, gateway.closing.signal).catch(() => {});
    return made;
  }

  /** Requires HTTP Basic authentication. */
  function basic(handle: (request: WebRequest, id: string) => WebReply | Promise<WebReply>) {
    return (request: WebRequest, id = ''): Promise<WebReply> => {
      const [, encoded = ''] = /^basic\s+(\S+)$/i.exec(request.header('authorization') ?? '') ?? [];
      const credentials = Buffer.from(encoded, 'base64').toString('utf8');
      const isMerchant = credentials.startsWith(`${account.merchantId}:`);
      if (!isMerchant) return answered(id, unauthorized('[201] Invalid merchant id'));
      if (!isSame(credentials, `${account.merchantId}:${account.apiKey}`)) {
        return answered(id, unauthorized('[104] Unauthorized'));
      }
      return answered(id, handle(request, id));
    };
  }

  /** Requires the API key as a bearer token. */
  function bearer(handle: (request: WebRequest, id: string) => WebReply | Promise<WebReply>) {
    return (request: WebRequest, merchantId = '', id = ''): Promise<WebReply> => {
      const [, token = ''] = /^bearer\s+(\S+)$/i.exec(request.header('authorization') ?? '') ?? [];
      const isKnown = merchantId === account.merchantId && isSame(token, account.apiKey);
      return answered(id, isKnown ? handle(request, id) : json({ Code: -104, Message: 'Unauthorized' }, 401));
    };
  }

  async function post(request: WebRequest, txnid: string): Promise<WebReply> {
    try {
      const body = readObject(await request.text());
      const { refno, url } = gateway.createPayment({
        txnid,
        amount: body.amount ?? '',
        currency: (body.currency || 'PHP').toUpperCase(),
        description: body.description ?? null,
        email: body.email ?? null,
        param1: body.param1 ?? null,
        param2: body.param2 ?? null,
        procid: body.procid ?? null,
        mobile: body.mobileno ?? null,
      });
      return json({ RefNo: refno, Status: 'S', Message: '[000] Success', Url: url });
    } catch (error) {
      return json({ RefNo: '', Status: 'F', Message: refusalOf(error), Url: '' }, 400);
    }
  }

  async function voidPayment(txnid: string): Promise<WebReply> {
    const payment = ledger.findPayment(txnid);
    if (payment === undefined) return json({ Status: 'F', Message: '[103] Invalid reference number' }, 404);
    if (!predecessors('payment', 'V').includes(payment.status)) {
      return json({ Status: 'F', Message: '[110] Error in operation: the payment is no longer open' });
    }
    await gateway.settlePayment(txnid, 'V');
    return json({ Status: 'S', Message: '[000] Success' });
  }

  async function postPayout(request: WebRequest): Promise<WebReply> {
    try {
      const body = readObject(await request.text());
      const names = [body.firstname, body.middlename, body.lastname].filter(Boolean).join(' ');
      const { refno } = gateway.createPayout({
        merchantTxnId: body.txnid ?? '',
        amount: body.amount ?? '',
        currency: (body.currency || 'PHP').toUpperCase(),
        description: body.description ?? null,
        userName: names || null,
        email: body.email ?? null,
        mobile: body.mobileno ?? null,
        procid: body.procid ?? null,
        procDetail: body.procdetail ?? null,
      });
      return json({ Code: 0, Message: refno });
    } catch (error) {
      return json({ Code: -111, Message: refusalOf(error) }, 400);
    }
  }

  function payoutStatus(merchantTxnId: string): WebReply {
    const payout = ledger.findPayout(merchantTxnId);
    if (payout === undefined) return json({ Code: -103, Message: 'Invalid reference number' }, 404);
    const { refno, amount, currency, status, message } = payout;
    const answer = { RefNo: refno, TxnId: merchantTxnId, Currency: currency, Status: status, Message: message };
    return jsonText(withNumber(answer, 'Amount', amount));
  }

  const inquiry = (payment: SandboxPayment | undefined) =>
    payment === undefined
      ? json({ Status: 'F', Message: '[103] Invalid reference number' }, 404)
      : jsonText(inquiryAnswer(payment, account.merchantId));

  function legacy({ query }: WebRequest): WebReply {
    const named = new Map([...query].map(([name, value]) => [name.toLowerCase(), value]));
    if (named.get('op')?.toUpperCase() !== 'GETSTATUS') return text(400, '[111] Invalid parameters');
    if (named.get('merchantid') !== account.merchantId) return text(401, '[201] Invalid merchant id');
    if (!isSame(named.get('merchantpwd') ?? '', account.secretKey)) return text(401, '[202] Invalid merchant password');
    return text(200, ledger.findPayment(named.get('txnid') ?? '')?.status ?? 'U');
  }

  return {
    routes: [
      ['GET', /^\/api\/collect\/v1\/keys\/callback$/, basic(async () => json(await gateway.keys.list()))],
      ['GET', /^\/api\/collect\/v1\/txnid\/(.+)$/, basic((_, txnid) => inquiry(ledger.findPayment(txnid)))],
      [
        'GET',
        /^\/api\/collect\/v1\/refno\/([^/]+)$/,
        (request, refno = '') => {
          const payment = ledger.findBy('refno', refno);
          return basic(() => inquiry(payment))(request, payment?.txnid);
        },
      ],
      ['GET', /^\/api\/collect\/v1\/void\/(.+)$/, basic((_, txnid) => voidPayment(txnid))],
      ['POST', /^\/api\/collect\/v1\/(.+)\/post$/, basic(post)],
      ['POST', /^\/api\/payout\/merchant\/v1\/([^/]+)\/post$/, bearer(postPayout)],
      ['GET', /^\/api\/payout\/merchant\/v1\/([^/]+)\/(.+)$/, bearer((_, id) => payoutStatus(id))],
      [
        'GET',
        /^\/MerchantRequest\.aspx$/i,
        (request) => answered(request.query.get('txnid') ?? undefined, legacy(request)),
      ],
    ],
    failure: (status, code, message) => json({ Status: 'F', Message: `${code}: ${message}` }, status),
  };
}

function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function unauthorized(message: string): WebReply {
  return withHeaders(json({ Status: 'F', Message: message }, 401), {
    'WWW-Authenticate': 'Basic realm="Dragonpay sandbox", charset="UTF-8"',
  });
}

/** The strings and numbers of a JSON object, by lower-case names. Numbers get two decimals. */
function readObject(body: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(parseJsonObject(body))) {
    if (typeof value === 'string') values[name.toLowerCase()] = value;
    if (typeof value === 'number') values[name.toLowerCase()] = value.toFixed(2);
  }
  return values;
}

function refusalOf(error: unknown): string {
  if (!DragonpayError.is(error)) throw error;
  const code = error.subject === 'currency' ? '106' : '111';
  return `[${code}] ${code === '106' ? 'Currency not supported' : 'Invalid parameters'}: ${error.message}`;
}

function inquiryAnswer(payment: SandboxPayment, merchantId: string): string {
  const { txnid, refno, amount, currency, description, status, message, email, mobile, procid } = payment;
  const answer = {
    RefNo: refno,
    MerchantId: merchantId,
    TxnId: txnid,
    RefDate: writeManilaTime(payment.createdAt),
    Amount: 0,
    Currency: currency,
    Description: description,
    Status: status,
    Email: email,
    MobileNo: mobile,
    ProcId: procid,
    ProcMsg: message,
    SettleDate: status === 'S' ? `${writeManilaTime(payment.modifiedAt).slice(0, 10)}T00:00:00` : null,
    Param1: payment.param1,
    Param2: payment.param2,
    Fee: 0,
  };
  return withNumber(answer, 'Amount', amount);
}

/** JSON with an amount that keeps its decimals, which JSON.stringify would drop from a number. */
function withNumber(value: Readonly<Record<string, unknown>>, name: string, amount: string): string {
  const pairs = Object.entries({ ...value, [name]: amount }).map(
    ([key, item]) => `${JSON.stringify(key)}:${key === name ? amount : JSON.stringify(item)}`,
  );
  return `{${pairs.join(',')}}`;
}
