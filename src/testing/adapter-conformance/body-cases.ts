import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import {
  type AdapterCase,
  badRequest,
  EchoHandler,
  filledTo,
  ok,
  path,
  plainReply,
  readable,
  tooLarge,
  unread,
} from './adapter-harness.js';
import { encodeRequest } from './raw-http.js';

/** How bodies are read, and when they are refused. */
export const bodyCases: readonly AdapterCase[] = [
  {
    name: 'refuses a body by its Content-Length, before it arrives',
    setups: unread,
    async check(bench) {
      await bench.start();
      if (bench.isLimited('whole-body')) return;
      const connection = await bench.connect();
      connection.send(encodeRequest({ target: path, headers: { 'Content-Length': '16385' } }));
      assert.deepEqual(await connection.reply(), tooLarge);
    },
  },
  {
    name: 'accepts a body of 16,384 bytes and refuses one more byte',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      assert.deepEqual(await bench.send({ body: filledTo(form, 16_385) }), tooLarge);
      assert.equal(await bench.status(txnid), 'P');
      assert.deepEqual(await bench.send({ body: filledTo(form, 16_384) }), ok);
      assert.equal(await bench.status(txnid), 'S');
    },
  },
  {
    name: 'refuses a stream that grows too long, and accepts one that does not',
    setups: unread,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const chunks = (text: string) => text.match(/.{1,1000}/gs) ?? [];
      assert.deepEqual(await bench.send({ body: chunks(filledTo(form, 16_385)) }), tooLarge);
      if (!bench.isLimited('whole-body')) {
        const endless = await bench.connect();
        const whole = encodeRequest({ target: path, body: chunks(filledTo(form, 16_385)) });
        endless.send(whole.subarray(0, -'0\r\n\r\n'.length));
        assert.deepEqual(await endless.reply(), tooLarge);
      }
      assert.equal(await bench.status(txnid), 'P');
      assert.deepEqual(await bench.send({ body: chunks(filledTo(form, 16_384)) }), ok);
    },
  },
  {
    name: 'reads a body that arrives in small pieces',
    setups: readable,
    async check(bench) {
      await bench.start(EchoHandler);
      const { form } = await bench.paid({ message: 'Niño \u20b1 \u{1f45f}' });
      const { body } = await bench.send({ body: form.match(/.{1,3}/gs) ?? [] });
      assert.equal(JSON.parse(body).data?.message, 'Niño \u20b1 \u{1f45f}');
    },
  },
  {
    name: 'closes the connection after it refused a body that is still arriving',
    setups: unread,
    async check(bench) {
      await bench.start();
      if (bench.isLimited('whole-body')) return;
      const endless = await bench.connect();
      endless.send(encodeRequest({ target: path, body: [filledTo('', 20_000)] }).subarray(0, -'0\r\n\r\n'.length));
      assert.deepEqual(await endless.reply(), tooLarge);
      if (!bench.isLimited('open-connection')) await endless.closed();
    },
  },
  {
    name: 'refuses a body that is not a form with 415',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const fields = Object.fromEntries(new URLSearchParams(form));
      const bodies = {
        'application/json': JSON.stringify(fields),
        'text/plain': form,
        'multipart/form-data; boundary=b': `--b\r\nContent-Disposition: form-data; name="txnid"\r\n\r\n${txnid}\r\n--b--\r\n`,
        'application/x-www-form-urlencodedx': form,
      };
      for (const [type, body] of Object.entries(bodies)) {
        const refused = plainReply(415, 'error=unsupported-media-type');
        assert.deepEqual(await bench.send({ headers: { 'Content-Type': type }, body }), refused, type);
      }
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'accepts the media type of forms in any letter case and with parameters',
    setups: readable,
    async check(bench) {
      await bench.start();
      for (const type of [
        'application/x-www-form-urlencoded; charset=utf-8',
        'application/x-www-form-urlencoded;charset=UTF-8',
        'Application/X-WWW-Form-URLEncoded',
      ]) {
        const { txnid, form } = await bench.paid();
        assert.deepEqual(await bench.send({ headers: { 'Content-Type': type }, body: form }), ok, type);
        assert.equal(await bench.status(txnid), 'S');
      }
    },
  },
  {
    name: 'refuses a compressed body and accepts Content-Encoding: identity',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const gzip = { headers: { 'Content-Encoding': 'gzip' }, body: gzipSync(form) };
      const refused = plainReply(415, 'error=unsupported-content-encoding');
      assert.deepEqual(await bench.send(gzip), refused);
      assert.equal(await bench.status(txnid), 'P');
      assert.deepEqual(await bench.send({ headers: { 'Content-Encoding': 'identity' }, body: form }), ok);
    },
  },
  {
    name: 'answers an empty body like a callback without fields',
    setups: unread,
    async check(bench) {
      await bench.start();
      assert.deepEqual(await bench.send({ body: '' }), badRequest('missing-field'));
      assert.deepEqual(await bench.send({ body: [] }), badRequest('missing-field'));
      assert.deepEqual(await bench.send({}), badRequest('missing-field'));
    },
  },
  {
    name: 'answers 500 at once when the body is gone, and serves the next request',
    setups: ['consumed'],
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const connection = await bench.connect();
      for (const body of [form, form.match(/.{1,20}/gs) ?? []]) {
        const startedAt = performance.now();
        connection.send(encodeRequest({ target: path, body }));
        const refused = plainReply(500, 'error=body-consumed');
        assert.deepEqual(await connection.reply(), refused);
        assert.ok(performance.now() - startedAt < 2_000);
      }
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'asks for a body that is held back by Expect: 100-continue',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { form } = await bench.paid();
      const connection = await bench.connect();
      const headers = { Expect: '100-continue', 'Content-Length': `${form.length}` };
      connection.send(encodeRequest({ target: path, headers }));
      assert.equal((await connection.reply()).status, 100);
      connection.send(form);
      assert.deepEqual(await connection.reply(), ok);
    },
  },
  {
    name: 'survives a client that disconnects in the middle of its body',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      for (const body of [form, [form]]) {
        const connection = await bench.connect();
        const whole = encodeRequest({ target: path, body });
        connection.send(whole.subarray(0, -Math.floor(form.length / 2)));
        assert.ok(await connection.isSilent(30));
        connection.destroy();
      }
      await bench.settled();
      assert.equal(await bench.status(txnid), 'P');
      assert.deepEqual(await bench.send({ body: form }), ok);
    },
  },
];
