import { DragonpayError } from '../../errors.js';
import { parseJsonObject } from '../../web/json-body.js';
import { json, type RouteGroup, type WebRequest } from '../../web/router.js';
import type { KeyStatus } from '../gateway/key-ring.js';
import type { SandboxPayment, SandboxPaymentDetails, SandboxPayoutDetails } from '../gateway/ledger.js';
import type { Misbehaviour } from '../gateway/misbehaviour.js';
import type { SettleOptions, TestGateway } from '../gateway/test-gateway.js';
import type { RegisteredUrls } from '../sandbox-options.js';

/** The control API: the methods of a `Sandbox` as JSON. Its answers contain no secret. */
export function controlApi(gateway: TestGateway): RouteGroup {
  const { ledger, log, misbehaviours } = gateway;

  const shown = (payment: SandboxPayment) => {
    const { token: _, ...rest } = payment;
    return { ...rest, url: gateway.paymentUrl(payment) };
  };

  return {
    routes: [
      ['GET', /^\/api\/sandbox\/v1\/payments$/, () => json(ledger.payments().map(shown))],
      [
        'POST',
        /^\/api\/sandbox\/v1\/payments$/,
        async (request) => json(gateway.createPayment(await readJson<SandboxPaymentDetails>(request)), 201),
      ],
      ['GET', /^\/api\/sandbox\/v1\/payments\/([^/]+)$/, (_, txnid = '') => json(shown(ledger.payment(txnid)))],
      [
        'POST',
        /^\/api\/sandbox\/v1\/payments\/([^/]+)\/settle$/,
        async (request, txnid = '') => {
          const { status, ...options } = await readJson<SettleOptions & { readonly status: string }>(request);
          const { all } = await gateway.settlePayment(txnid, status, options);
          return json({ postbacks: await all, returnUrl: await gateway.returnUrl(txnid) });
        },
      ],
      ['GET', /^\/api\/sandbox\/v1\/payouts$/, () => json(ledger.payouts())],
      [
        'POST',
        /^\/api\/sandbox\/v1\/payouts$/,
        async (request) => json(gateway.createPayout(await readJson<SandboxPayoutDetails>(request)), 201),
      ],
      ['GET', /^\/api\/sandbox\/v1\/payouts\/([^/]+)$/, (_, id = '') => json(ledger.payout(id))],
      [
        'POST',
        /^\/api\/sandbox\/v1\/payouts\/([^/]+)\/settle$/,
        async (request, id = '') => {
          const { status, ...options } = await readJson<SettleOptions & { readonly status: string }>(request);
          const { all } = await gateway.settlePayout(id, status, options);
          return json({ postbacks: await all });
        },
      ],
      ['GET', /^\/api\/sandbox\/v1\/postbacks$/, () => json(log.list())],
      [
        'POST',
        /^\/api\/sandbox\/v1\/postbacks\/(\d+)\/resend$/,
        async (_, id) => {
          const [sent] = await gateway.resend(Number(id)).all;
          return json(sent);
        },
      ],
      ['GET', /^\/api\/sandbox\/v1\/misbehaviour(?:\/([^/]+))?$/, (_, id) => json(misbehaviours.get(id))],
      [
        'PUT',
        /^\/api\/sandbox\/v1\/misbehaviour(?:\/([^/]+))?$/,
        async (request, id) => {
          gateway.misbehave(await readJson<Misbehaviour>(request), id);
          return json(misbehaviours.get(id));
        },
      ],
      ['GET', /^\/api\/sandbox\/v1\/keys$/, async () => json(await gateway.keys.list())],
      [
        'POST',
        /^\/api\/sandbox\/v1\/keys\/rotate$/,
        async (request) => {
          const { previous } = await readJson<{ readonly previous?: KeyStatus }>(request);
          return json(await gateway.rotateKeys(previous));
        },
      ],
      ['GET', /^\/api\/sandbox\/v1\/urls$/, () => json(gateway.urls)],
      [
        'PUT',
        /^\/api\/sandbox\/v1\/urls$/,
        async (request) => {
          gateway.register(await readJson<RegisteredUrls>(request));
          return json(gateway.urls);
        },
      ],
    ],
    failure: (status, code, message) => json({ code, message }, status),
  };
}

/** Reads a JSON object. An empty body is an empty object. The caller checks the properties. */
async function readJson<Value>(request: WebRequest): Promise<Value> {
  const body = await request.text();
  if (body === '') return {} as Value;
  // A form of another site cannot have this content type.
  if (!/^application\/json\b/i.test(request.header('content-type') ?? '')) {
    throw new DragonpayError('unsupported-media-type', 'the content type must be application/json');
  }
  return parseJsonObject(body) as Value;
}
