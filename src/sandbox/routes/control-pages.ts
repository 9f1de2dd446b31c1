import { DragonpayError } from '../../errors.js';
import type { CallbackKind } from '../../protocol/kinds.js';
import { eventStream } from '../../web/event-stream.js';
import { html } from '../../web/html.js';
import { type RouteGroup, seeOther, type WebReply, type WebRequest } from '../../web/router.js';
import type { TestGateway } from '../gateway/test-gateway.js';
import type { RefusedForm } from '../pages/form.js';
import { controlPage } from '../pages/layout.js';
import { misbehaviourForm, readMisbehaviourForm } from '../pages/misbehaviour-form.js';
import { overviewPage } from '../pages/overview-page.js';
import { postbackList } from '../pages/postback-list.js';
import { settingsPage } from '../pages/settings-page.js';
import { subjectPage } from '../pages/subject-page.js';

/** The pages of the control panel: plain forms, and pages that update themselves with a script. */
export function controlPages(gateway: TestGateway): RouteGroup {
  const { ledger, log, misbehaviours } = gateway;
  // Without a script the page has to reload, which would clear a form. So it reloads only on request.
  const onRequest = ({ query }: WebRequest) => (query.has('moving') ? 'moving' : 'still');
  const pageOf = (kind: CallbackKind, id: string) => `/${kind}s/${encodeURIComponent(id)}`;

  /** The routes of payments, or of payouts. */
  function subjectRoutes(kind: CallbackKind): RouteGroup['routes'] {
    const path = (rest: string) => new RegExp(`^/${kind}s/([^/]+)${rest}$`);
    return [
      ['GET', path(''), (request, id = '') => subjectPage(gateway, kind, id, onRequest(request))],
      [
        'POST',
        path('/settle'),
        async (request, id = '') => {
          const status = (await request.form()).get('status') ?? '';
          // Postbacks are not awaited: the page shows their progress.
          await (kind === 'payment' ? gateway.settlePayment(id, status) : gateway.settlePayout(id, status));
          return seeOther(pageOf(kind, id));
        },
      ],
      [
        'POST',
        path('/misbehaviour'),
        async (request, id = '') => {
          if (kind === 'payment') ledger.payment(id);
          else ledger.payout(id);
          return submit(
            request,
            (form) => {
              gateway.misbehave(readMisbehaviourForm(form), id);
              return pageOf(kind, id);
            },
            (refused) => subjectPage(gateway, kind, id, 'still', refused),
          );
        },
      ],
    ];
  }

  function misbehaviourPage(refused?: RefusedForm): WebReply {
    const single = misbehaviours.ids().map((id) => {
      const kind = ledger.findPayment(id) === undefined ? 'payout' : 'payment';
      return html`<li><a href="${pageOf(kind, id)}">${id}</a></li>`;
    });
    return controlPage(
      'Misbehaviour',
      html`<section class="card" aria-labelledby="all"><h2 id="all">For all payments and payouts</h2>
${misbehaviourForm('/misbehaviour', misbehaviours.get(), refused)}</section>
<section class="card" aria-labelledby="single"><h2 id="single">For single payments and payouts</h2>
<p class="quiet">The page of each payment and payout has this form too. Its options override those above.</p>
${single.length > 0 && html`<ul>${single}</ul>`}</section>`,
      { section: '/misbehaviour', status: refused?.status ?? 200 },
    );
  }

  return {
    routes: [
      ['GET', /^\/$/, (request) => overviewPage(gateway, onRequest(request))],
      ['GET', /^\/events$/, () => eventStream((listener) => log.listen(listener))],
      [
        'POST',
        /^\/payments$/,
        (request) =>
          submit(
            request,
            (form) => {
              const text = (name: string) => form.get(name) ?? '';
              const details = { txnid: text('txnid'), amount: text('amount'), description: text('description') };
              return pageOf('payment', gateway.createPayment(details).txnid);
            },
            (payment) => overviewPage(gateway, 'still', { payment }),
          ),
      ],
      [
        'POST',
        /^\/payouts$/,
        (request) =>
          submit(
            request,
            (form) => {
              const details = { merchantTxnId: form.get('merchantTxnId') ?? '', amount: form.get('amount') ?? '' };
              return pageOf('payout', gateway.createPayout(details).merchantTxnId);
            },
            (payout) => overviewPage(gateway, 'still', { payout }),
          ),
      ],
      ...subjectRoutes('payment'),
      ...subjectRoutes('payout'),
      [
        'GET',
        /^\/postbacks$/,
        (request) => {
          const postbacks = log.list();
          const count = postbacks.length === 1 ? '1 postback' : `${postbacks.length} postbacks`;
          return controlPage(
            'Postbacks',
            html`<h2 class="hidden">Deliveries, newest first</h2>
<div id="log" data-live>${postbackList(postbacks)}</div>`,
            {
              section: '/postbacks',
              live: request.query.has('still') ? 'still' : 'moving',
              aside: html`<p id="count" data-live role="status" class="quiet">${count}</p>`,
            },
          );
        },
      ],
      [
        'POST',
        /^\/postbacks\/(\d+)\/resend$/,
        (_, id) => {
          gateway.resend(Number(id));
          return seeOther('/postbacks');
        },
      ],
      ['GET', /^\/misbehaviour$/, () => misbehaviourPage()],
      [
        'POST',
        /^\/misbehaviour$/,
        (request) =>
          submit(
            request,
            (form) => {
              gateway.misbehave(readMisbehaviourForm(form));
              return '/misbehaviour';
            },
            misbehaviourPage,
          ),
      ],
      ['GET', /^\/settings$/, () => settingsPage(gateway)],
      [
        'POST',
        /^\/settings\/urls$/,
        (request) =>
          submit(
            request,
            (form) => {
              const url = (name: string) => form.get(name)?.trim() || undefined;
              gateway.register({
                postbackUrl: url('postbackUrl'),
                returnUrl: url('returnUrl'),
                payoutPostbackUrl: url('payoutPostbackUrl'),
              });
              return '/settings';
            },
            (refused) => settingsPage(gateway, refused),
          ),
      ],
      [
        'POST',
        /^\/settings\/keys$/,
        async (request) => {
          await gateway.rotateKeys((await request.form()).get('previous') === 'Active' ? 'Active' : 'Revoked');
          return seeOther('/settings');
        },
      ],
    ],
    failure: (status, _, message) =>
      controlPage(
        status === 404 ? 'Page not found' : 'The request failed',
        html`<section class="card stack" aria-label="What happened"><p class="notice bad">${message}</p>
<p><a href="/">Back to the overview</a></p></section>`,
        { status },
      ),
  };
}

/**
 * Processes a form, and redirects to the path that `act` returns. If `act` throws a DragonpayError, shows the form again
 * with the error.
 */
async function submit(
  request: WebRequest,
  act: (form: URLSearchParams) => string,
  show: (refused: RefusedForm) => WebReply | Promise<WebReply>,
): Promise<WebReply> {
  const values = await request.form();
  try {
    return seeOther(act(values));
  } catch (error) {
    if (!DragonpayError.is(error)) throw error;
    const isTaken = error.code === 'already-exists';
    const field = isTaken ? (values.has('txnid') ? 'txnid' : 'merchantTxnId') : error.subject;
    return show({ status: isTaken ? 409 : 400, values, field, message: error.message });
  }
}
