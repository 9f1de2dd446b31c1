import assert from 'node:assert/strict';
import { DragonpayCallback } from '../../decorators/dragonpay-callback.js';
import { OnGet } from '../../decorators/on-get.js';
import { type HandlerResult, reply } from '../../response/reply.js';
import {
  type AdapterCase,
  allow,
  badRequest,
  DefaultHandler,
  EchoHandler,
  everywhere,
  filledTo,
  headersOf,
  ok,
  path,
  plainReply,
  privacy,
  readable,
} from './adapter-harness.js';
import { encodeRequest } from './raw-http.js';

/** How requests are answered: methods, targets, connections, replies. */
export const exchangeCases: readonly AdapterCase[] = [
  {
    name: 'answers a valid POST with result=OK, and nothing else',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      assert.deepEqual(await bench.send({ body: form }), ok);
      assert.equal(await bench.status(txnid), 'S');
    },
  },
  {
    name: 'answers a valid GET, and stores nothing',
    setups: everywhere,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      assert.deepEqual(await bench.send({ method: 'GET', target: `${path}?${form}` }), ok);
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'answers HEAD without a body, calls no handler and stores nothing',
    setups: everywhere,
    async check(bench) {
      await bench.start(EchoHandler);
      const { txnid, form } = await bench.paid();
      const connection = await bench.connect();
      for (let count = 0; count < 2; count++) {
        connection.send(encodeRequest({ method: 'HEAD', target: `${path}?${form}` }));
        assert.deepEqual(await connection.reply('HEAD'), plainReply(200, ''));
      }
      assert.ok(await connection.isSilent());
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'answers OPTIONS with the allowed methods',
    setups: everywhere,
    async check(bench) {
      await bench.start();
      const expected = { status: 204, headers: { ...allow, ...privacy }, body: '' };
      assert.deepEqual(await bench.send({ method: 'OPTIONS' }), expected);
    },
  },
  {
    name: 'answers other methods with 405 and keeps the connection',
    setups: ['plain', 'form-parser', 'json-parser', 'mounted'],
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const connection = await bench.connect();
      for (const method of ['PUT', 'PATCH', 'DELETE', 'TRACE']) {
        const body = method === 'TRACE' ? {} : { body: form };
        const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
        connection.send(encodeRequest({ method, target: path, headers, ...body }));
        const answer = await connection.reply(method);
        const refused = plainReply(405, 'error=method-not-allowed', allow);
        if (method === 'TRACE' && bench.isLimited('trace')) assert.ok(answer.status >= 400, method);
        else assert.deepEqual(answer, refused, method);
      }
      assert.equal(await bench.status(txnid), 'P');
      connection.send(encodeRequest({ target: path, body: form }));
      assert.deepEqual(await connection.reply(), ok);
    },
  },
  {
    name: 'passes the full target, the peer’s address and the framework’s request',
    setups: readable,
    async check(bench) {
      await bench.start(EchoHandler);
      const { form } = await bench.paid();
      for (const request of [
        { method: 'GET', target: `${path}?own=1&${form}` },
        { target: `${path}?own=%C3%B1`, body: form },
      ]) {
        const { target, remoteAddress, native } = JSON.parse((await bench.send(request)).body);
        const read = (text: string) =>
          bench.isLimited('query-escapes') ? [...new URLSearchParams(text.split('?')[1])] : text;
        assert.deepEqual(read(target), read(request.target));
        assert.match(remoteAddress, /^(?:::ffff:)?127\.0\.0\.1$|^::1$/);
        assert.equal(native, 'object');
      }
    },
  },
  {
    name: 'passes the peer’s address to allowFrom',
    setups: ['plain'],
    async check(bench) {
      await bench.start(DefaultHandler, { allowFrom: ['192.0.2.1'] });
      const { txnid, form } = await bench.paid();
      const refused = plainReply(403, 'error=address-not-allowed');
      assert.deepEqual(await bench.send({ body: form }), refused);
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'answers pipelined requests in their order',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { form } = await bench.paid();
      const connection = await bench.connect();
      const good = encodeRequest({ target: path, body: form });
      const bad = encodeRequest({ target: path, body: `${form}0` });
      connection.send(Buffer.concat([good, bad, good]));
      const replies = [await connection.reply(), await connection.reply(), await connection.reply()];
      assert.deepEqual(replies, [ok, badRequest('proof-mismatch'), ok]);
    },
  },
  {
    name: 'accepts a query of 8,192 bytes and refuses one more byte',
    setups: everywhere,
    async check(bench) {
      await bench.start();
      const { form } = await bench.paid();
      const ask = (length: number) => bench.send({ method: 'GET', target: `${path}?${filledTo(form, length)}` });
      assert.deepEqual(await ask(8_192), ok);
      assert.deepEqual(await ask(8_193), plainReply(414, 'error=query-too-long'));
    },
  },
  {
    name: 'writes what a handler replies, and nothing else',
    setups: ['plain'],
    async check(bench) {
      const body = '<p>Niño &#38; ₱</p>';
      const replies = [
        [reply.html`<p>Niño ${'&'} ₱</p>`, 400, 'text/html; charset=utf-8', body],
        [reply.json({ ok: true }, { status: 202 }), 202, 'application/json; charset=utf-8', '{"ok":true}'],
        [reply.text('', { status: 404 }), 404, 'text/plain; charset=utf-8', ''],
        [reply.text('tea', { status: 418 }), 418, 'text/plain; charset=utf-8', 'tea'],
        [reply.text('early', { status: 425 }), 425, 'text/plain; charset=utf-8', 'early'],
        [reply.text('odd', { status: 299 }), 299, 'text/plain; charset=utf-8', 'odd'],
        ['Thank you', 400, 'text/plain; charset=utf-8', 'Thank you'],
      ] as const;
      let returned: HandlerResult;
      @DragonpayCallback()
      class Replying {
        @OnGet() get() {
          return returned;
        }
      }
      await bench.start(Replying);
      for (const [result, status, type, text] of replies) {
        returned = result;
        const answer = await bench.send({ method: 'GET', target: path });
        assert.deepEqual(answer, { status, headers: headersOf(type, text), body: text });
      }
      returned = reply.redirect('/thanks?txnid=1');
      const { status, headers } = await bench.send({ method: 'GET', target: path });
      assert.deepEqual([status, headers.location], [303, '/thanks?txnid=1']);
    },
  },
  {
    name: 'answers 500 without a reason when a handler throws, and serves the next request',
    setups: ['plain'],
    async check(bench) {
      @DragonpayCallback()
      class Throwing {
        @OnGet() get() {
          throw new Error('a secret of the shop');
        }
      }
      await bench.start(Throwing);
      for (let count = 0; count < 2; count++) {
        const answer = await bench.send({ method: 'GET', target: path });
        assert.deepEqual(answer, plainReply(500, 'error=handler-failed'));
      }
    },
  },
];
