import assert from 'node:assert/strict';
import { type AdapterCase, badRequest, EchoHandler, ok, path, readable, tooLarge } from './adapter-harness.js';

/** How fields are read from bodies and queries. */
export const fieldCases: readonly AdapterCase[] = [
  {
    name: 'passes text to the handler exactly as it was signed',
    setups: readable,
    async check(bench) {
      await bench.start(EchoHandler);
      for (const message of [
        'Niño, ₱100 \u{1f45f}',
        ' + & = % ; , ',
        '\u00a0a\tb\r\nc ',
        '%C3%B1',
        'a%zz',
        '\ufeffx',
      ]) {
        const { form } = await bench.paid({ message });
        const seen = [
          await bench.send({ body: form }),
          await bench.send({ method: 'GET', target: `${path}?${form}` }),
        ].map(({ body }) => JSON.parse(body).data?.message);
        assert.deepEqual(seen, [message, message]);
      }
    },
  },
  {
    name: 'passes unescaped UTF-8 to the handler unchanged',
    setups: readable,
    async check(bench) {
      await bench.start(EchoHandler);
      const { form } = await bench.paid({ message: 'Niño ₱' });
      const body = form.replace(/message=[^&]*/, 'message=Niño+₱');
      assert.equal(JSON.parse((await bench.send({ body })).body).data?.message, 'Niño ₱');
    },
  },
  {
    name: 'refuses text that is not UTF-8, escaped or not',
    setups: readable,
    async check(bench, setup) {
      await bench.start();
      // A SHA-1 digest may be over `?` for each character outside ASCII, so a parser's U+FFFD would verify, too.
      const { txnid, form } = await bench.paid({ message: 'Ni?o' });
      for (const ñ of ['%f1', '\u00f1']) {
        const body = Buffer.from(form.replace('%3f', ñ), 'latin1');
        const answer = await bench.send({ body });
        const isText = setup === 'form-parser' || bench.isLimited('text-body');
        if (!isText) assert.deepEqual(answer, badRequest('invalid-utf8'), ñ);
        assert.equal(answer.status, 400, ñ);
        assert.equal(await bench.status(txnid), 'P');
      }
    },
  },
  {
    name: 'refuses a field of the protocol that occurs twice',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      for (const [before, after] of [
        ['', '&status=S'],
        ['status=F&', ''],
        ['', '&STATUS=S'],
        ['txnid=other&', ''],
        ['', '&digest='],
      ]) {
        const repeated = `${before}${form}${after}`;
        assert.deepEqual(await bench.send({ body: repeated }), badRequest('repeated-field'), repeated);
      }
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'refuses a field of the protocol that a parser could nest',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      for (const name of ['txnid[]', 'txnid[0]', 'txnid[a]', 'txnid[toString]']) {
        const nested = form.replace('txnid=', `${encodeURIComponent(name)}=`);
        assert.equal((await bench.send({ body: nested })).status, 400, name);
        assert.equal((await bench.send({ body: decodeURIComponent(nested) })).status, 400, name);
      }
      assert.equal(await bench.status(txnid), 'P');
    },
  },
  {
    name: 'ignores fields that are not of the protocol, whatever their names',
    setups: readable,
    async check(bench) {
      await bench.start();
      for (const extra of [
        ...['__proto__=x', '__proto__[status]=F', 'constructor=x', 'constructor[prototype][status]=F', 'toString=1'],
        ...['hasOwnProperty=1', 'a[b][c]=d', 'a[]=1&a[]=2', 'own=1&own=2', '=', 'flag', '&&', 'a=b=c', ']=['],
      ]) {
        const { txnid, form } = await bench.paid();
        assert.deepEqual(await bench.send({ body: `${extra}&${form}&${extra}` }), ok, extra);
        assert.equal(await bench.status(txnid), 'S', extra);
      }
      assert.equal(Reflect.get({}, 'status'), undefined);
    },
  },
  {
    name: 'refuses more than 64 fields',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const more = (count: number) => Array.from({ length: count }, (_, index) => `&x${index}=`).join('');
      assert.deepEqual(await bench.send({ body: form + more(60) }), tooLarge);
      assert.equal(await bench.status(txnid), 'P');
      assert.deepEqual(await bench.send({ body: form + more(59) }), ok);
    },
  },
  {
    name: 'reads no field of a POST from its query',
    setups: readable,
    async check(bench) {
      await bench.start();
      const { txnid, form } = await bench.paid();
      const refused = await bench.send({ target: `${path}?${form}`, body: 'own=1' });
      assert.deepEqual(refused, badRequest('missing-field'));
      assert.equal(await bench.status(txnid), 'P');
      assert.deepEqual(await bench.send({ target: `${path}?txnid=other&status=F`, body: form }), ok);
    },
  },
];
