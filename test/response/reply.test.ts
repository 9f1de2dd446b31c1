import { expect } from 'chai';
import { DragonpayError, reply } from '../../src/index.js';
import { accepted, allowedMethods, failureReply, methodTable, replyTo } from '../../src/response/default-replies.js';
import { escapeHtml } from '../../src/response/escape-html.js';
import { type HandlerReply, isHandlerReply } from '../../src/response/reply.js';

const privateHeaders = {
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

describe('reply', () => {
  const made: Array<[what: string, reply: () => HandlerReply, status: number, contentType: string, body: string]> = [
    ['text', () => reply.text('Niño & <b>'), 200, 'text/plain; charset=utf-8', 'Niño & <b>'],
    ['text with a status', () => reply.text('no', { status: 409 }), 409, 'text/plain; charset=utf-8', 'no'],
    ['empty text', () => reply.text(''), 200, 'text/plain; charset=utf-8', ''],
    ['JSON', () => reply.json({ a: [1, null, 'ñ'] }), 200, 'application/json; charset=utf-8', '{"a":[1,null,"ñ"]}'],
    ['JSON with a status', () => reply.json(null, { status: 201 }), 201, 'application/json; charset=utf-8', 'null'],
    ['HTML of a template', () => reply.html`<p>${'a'} ${1}</p>`, 200, 'text/html; charset=utf-8', '<p>a 1</p>'],
    ['HTML without values', () => reply.html`<p>&amp;</p>`, 200, 'text/html; charset=utf-8', '<p>&amp;</p>'],
    [
      'HTML with values that are escaped',
      () => reply.html`<a title="${"\"><script>alert('x')</script>&"}">${null}${undefined}</a>`,
      200,
      'text/html; charset=utf-8',
      '<a title="&#34;&#62;&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#38;">nullundefined</a>',
    ],
    ['HTML as it is', () => reply.html('<b>a</b>'), 200, 'text/html; charset=utf-8', '<b>a</b>'],
    ['HTML as it is with a status', () => reply.html('<b>', { status: 404 }), 404, 'text/html; charset=utf-8', '<b>'],
    ['a redirect', () => reply.redirect('/thanks?a=%20'), 303, 'text/plain; charset=utf-8', ''],
    [
      'a redirect with a status',
      () => reply.redirect('https://example.com/', { status: 302 }),
      302,
      'text/plain; charset=utf-8',
      '',
    ],
  ];
  for (const [what, make, status, contentType, body] of made) {
    it(`makes ${what}`, () => {
      const handlerReply = make();
      expect(isHandlerReply(handlerReply)).to.equal(true);
      const { location } = handlerReply;
      expect(handlerReply).to.include({ contentType, body });
      const sent = replyTo(handlerReply, 'applied');
      expect(sent).to.deep.equal({
        status,
        headers: {
          'Content-Type': contentType,
          ...(location !== undefined && { Location: location }),
          ...privateHeaders,
        },
        body,
      });
    });
  }

  it('redirect sends its argument as the Location', () => {
    expect(replyTo(reply.redirect('/thanks'), 'skipped').headers).to.have.property('Location', '/thanks');
  });

  const refused: Array<[what: string, make: () => unknown]> = [
    ...['', ' ', '/a b', '/a\r\nSet-Cookie: a=b', '/a\n', '/ñ', '/\0', '\x7f'].map(
      (location): [string, () => unknown] => [
        `a redirect to ${JSON.stringify(location)}`,
        () => reply.redirect(location),
      ],
    ),
    ...[0, 42, 100, 199, 204, 205, 304, 600, 1000, 200.5, Number.NaN, '200'].map((status): [string, () => unknown] => [
      `a status of ${status}`,
      () => reply.text('', { status: status as number }),
    ]),
    ...[undefined, null, 5, {}].map((body): [string, () => unknown] => [
      `a text of ${JSON.stringify(body)}`,
      () => reply.text(body as unknown as string),
    ]),
    ['JSON of undefined', () => reply.json(undefined)],
    ['JSON of a function', () => reply.json(() => {})],
    ['JSON of a bigint', () => reply.json(1n)],
  ];
  for (const [what, make] of refused) {
    it(`refuses ${what}`, () => {
      expect(make).to.throw(DragonpayError).with.property('code', 'invalid-reply');
    });
  }

  it('a reply cannot be forged or changed', () => {
    const genuine = reply.text('a');
    expect(isHandlerReply({ ...genuine })).to.equal(false);
    expect(() => Object.assign(genuine, { body: 'b' })).to.throw(TypeError);
    for (const other of [undefined, null, 'a', 1, {}, []]) expect(isHandlerReply(other)).to.equal(false);
  });

  it('escapeHtml escapes every character with a meaning in HTML', () => {
    expect(escapeHtml('<a href="x" title=\'y\'>&amp; ñ</a>')).to.equal(
      '&#60;a href=&#34;x&#34; title=&#39;y&#39;&#62;&#38;amp; ñ&#60;/a&#62;',
    );
  });
});

describe('The default replies', () => {
  const outcomes = ['skipped', 'unrecognized', 'not-found', 'mismatch', 'duplicate', 'stale', 'applied'] as const;
  const ok = {
    status: 200,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...privateHeaders },
    body: 'result=OK',
  };

  for (const outcome of outcomes) {
    it(`the default reply to ${outcome} is result=OK`, () => {
      expect(replyTo(undefined, outcome)).to.deep.equal(ok);
      expect(accepted).to.deep.equal(ok);
    });
  }

  it('the reply to unstored is 503 with Retry-After, whatever the handler returned', () => {
    for (const result of [undefined, 'result=OK', reply.text('fine'), reply.redirect('/'), {}]) {
      expect(replyTo(result, 'unstored')).to.deep.equal({
        status: 503,
        headers: { 'Content-Type': 'text/plain; charset=utf-8', ...privateHeaders, 'Retry-After': '30' },
        body: 'error=unstored',
      });
    }
  });

  it('the reply to an invalid callback has the status of its first issue', () => {
    expect(replyTo(undefined, 'skipped', { code: 'proof-mismatch' })).to.equal(failureReply('proof-mismatch'));
  });

  it('the reply to a result of a handler method is that result', () => {
    expect(replyTo('Thank you', 'applied')).to.deep.equal({ ...ok, body: 'Thank you' });
    expect(replyTo('', 'applied')).to.deep.equal({ ...ok, body: '' });
  });

  it('the reply to an invalid callback keeps its status for a result without a status of its own', () => {
    const invalid = { code: 'proof-mismatch' } as const;
    for (const result of ['OK', reply.text('OK'), reply.json('OK'), reply.html`OK`, reply.html('OK')]) {
      expect(replyTo(result, 'skipped', invalid)).to.have.property('status', 400);
    }
    for (const result of [reply.text('OK', { status: 200 }), reply.html('OK', { status: 200 })]) {
      expect(replyTo(result, 'skipped', invalid)).to.include({ status: 200, body: 'OK' });
    }
    expect(replyTo(reply.redirect('/failed'), 'skipped', invalid)).to.have.property('status', 303);
  });

  for (const garbage of [null, 0, 200, true, {}, [], { status: 200, headers: {}, body: 'a' }, () => {}, Symbol('a')]) {
    it(`a handler result of ${String(garbage)} throws handler-failed`, () => {
      expect(() => replyTo(garbage, 'applied'))
        .to.throw()
        .with.property('code', 'handler-failed');
    });
  }

  it('the method table holds GET, POST, HEAD and OPTIONS, and nothing inherited', () => {
    expect({ ...methodTable }).to.deep.equal({
      GET: 'callback',
      POST: 'callback',
      HEAD: { status: 200, headers: ok.headers, body: '' },
      OPTIONS: { status: 204, headers: { Allow: allowedMethods, ...privateHeaders }, body: '' },
    });
    expect(allowedMethods.split(', ')).to.have.members(Object.keys(methodTable));
    for (const name of ['constructor', 'toString', '__proto__']) expect(methodTable[name]).to.equal(undefined);
  });
});
