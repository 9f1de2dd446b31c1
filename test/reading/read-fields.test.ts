import { expect } from 'chai';
import fc from 'fast-check';
import type { BodyRead, CallbackRequest } from '../../src/model/callback-request.js';
import { type KnownFields, knownFieldNames } from '../../src/protocol/fields.js';
import type { ReceivedFields } from '../../src/reading/field-collector.js';
import { readFields } from '../../src/reading/read-fields.js';
import { encodeCallback } from '../../src/testing.js';
import { getQuery, makeRequest, postForm } from '../support/callback-request.js';
import { recordedCallbacks } from '../support/recorded-callbacks.js';

const limits = { bodyBytes: 16_384, queryBytes: 8_192, fields: 64 };

async function read(request: CallbackRequest, over: Partial<typeof limits> = {}): Promise<ReceivedFields> {
  const fields = await readFields(request, { ...limits, ...over });
  if (!fields.ok) throw new Error(`refused with ${fields.code}`);
  return fields;
}

async function refusal(request: CallbackRequest, over: Partial<typeof limits> = {}): Promise<string | undefined> {
  const fields = await readFields(request, { ...limits, ...over });
  return fields.ok ? undefined : fields.code;
}

/** The same form in each way in which it may arrive. Code in front can only have decoded it as UTF-8. */
function everyWay(form: string): Record<string, CallbackRequest> {
  const decoded = Buffer.from(form, 'latin1').toString('utf8');
  const isUtf8 = Buffer.from(decoded, 'utf8').equals(Buffer.from(form, 'latin1'));
  return {
    'the bytes of a POST': postForm(form),
    'the query of a GET': getQuery(form),
    ...(isUtf8 && {
      'the text of a POST': makeRequest({ body: { kind: 'text', text: decoded } }),
    }),
    // A text without a character above U+00FF looks like bytes, and is read as bytes.
    ...(isUtf8 && /[^\u0000-\u00ff]/.test(decoded) && { 'a query that a server decoded': getQuery(decoded) }),
  };
}

function parsed(fields: Iterable<readonly [string, unknown]>, parser?: string): CallbackRequest {
  return makeRequest({ body: { kind: 'fields', fields, ...(parser !== undefined && { parser }) } });
}

function ownFields(known: Readonly<KnownFields>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

/** The issues for which the callback is refused, then the fields whose values were lost. */
function problemsOf({ issues, odd }: ReceivedFields): Array<[code: string, field: string | undefined]> {
  return [
    ...issues.map(({ code, field }): [string, string | undefined] => [code, field]),
    ...[...(odd ?? [])].map(([field, { code }]): [string, string | undefined] => [code, field]),
  ];
}

describe('Reading fields', () => {
  describe('decodes', () => {
    const cases: Array<[what: string, form: string, known: KnownFields]> = [
      ['plain fields', 'txnid=A-1&refno=R9&status=S', { txnid: 'A-1', refno: 'R9', status: 'S' }],
      ['a plus as a space', 'message=a+b%2bc%20d', { message: 'a b+c d' }],
      ['lower-case escapes', 'message=%5b000%5d', { message: '[000]' }],
      ['upper-case escapes', 'message=%5B000%5D', { message: '[000]' }],
      ['escapes of mixed case', 'message=Ni%c3%B1o', { message: 'Niño' }],
      ['raw UTF-8 bytes', 'message=Ni\xc3\xb1o', { message: 'Niño' }],
      ['raw bytes beside escapes', 'message=%c3%b1+\xc3\xb1%2b', { message: 'ñ ñ+' }],
      ['characters beyond the basic plane', 'message=%f0%9f%92%b8\xf0\x9f\x92\xb8', { message: '💸💸' }],
      ['a byte order mark as a character', 'message=%ef%bb%bfx', { message: '\ufeffx' }],
      ['U+FFFD that was sent', 'message=%ef%bf%bd', { message: '\ufffd' }],
      ['an escaped percent sign once', 'message=100%25%2541', { message: '100%%41' }],
      ['a percent sign that was not escaped', 'message=100%+off%21', { message: '100% off!' }],
      ['a percent sign at the end', 'message=100%', { message: '100%' }],
      ['half an escape', 'message=a%4', { message: 'a%4' }],
      ['an escape of classic ASP', 'message=%u00f1', { message: '%u00f1' }],
      ['a form with a byte order mark in front', '\xef\xbb\xbftxnid=A', { txnid: 'A' }],
      ['a form with an escaped byte order mark in front', '%EF%BB%BFtxnid=A', { txnid: 'A' }],
      ['a form with line ends behind it', 'txnid=A&message=b\r\n', { txnid: 'A', message: 'b' }],
      ['spaces at the ends, untrimmed', 'txnid=+A%20&message=%09x%0d%0a', { txnid: ' A ', message: '\tx\r\n' }],
      ['a field without an equals sign', 'txnid&refno=R', { txnid: '', refno: 'R' }],
      ['a last field without an equals sign', 'refno=R&txnid', { txnid: '', refno: 'R' }],
      ['a form with a line feed behind it', 'txnid=A&message=b\n', { txnid: 'A', message: 'b' }],
      ['a form with a carriage return behind it', 'txnid=A&message=b\r', { txnid: 'A', message: 'b' }],
      ['a byte order mark before line ends', 'message=%ef%bb%bf\r\n', { message: '\ufeff' }],
      [
        'what is nearly an escape',
        'message=%4@&param1=%0g&param2=%:0',
        { message: '%4@', param1: '%0g', param2: '%:0' },
      ],
      ['half an escape behind a name with a digit there', 'param1=a%4', { param1: 'a%4' }],
      ['a long value', `message=a+${'b'.repeat(7_000)}`, { message: `a ${'b'.repeat(7_000)}` }],
      [
        'a long value that needs no decoding',
        `txnid=A&message=${'b'.repeat(7_000)}`,
        { txnid: 'A', message: 'b'.repeat(7_000) },
      ],
      ['an empty value', 'txnid=&refno=R', { txnid: '', refno: 'R' }],
      ['equals signs in a value', 'signatures=ab==&message=a=b', { signatures: 'ab==', message: 'a=b' }],
      ['past empty pairs', '&&txnid=A&&refno=R&', { txnid: 'A', refno: 'R' }],
      ['past an empty name', '=x&txnid=A', { txnid: 'A' }],
      ['a semicolon as a character', 'txnid=A;refno=R', { txnid: 'A;refno=R' }],
      ['a question mark as a character', 'txnid=A?refno=R', { txnid: 'A?refno=R' }],
      ['names in any letter case', 'TXNID=A&RefNo=R&merchantTxnId=M', { txnid: 'A', refno: 'R', merchanttxnid: 'M' }],
      ['escaped names', 'txn%69d=A&%72efno=R', { txnid: 'A', refno: 'R' }],
      ['nothing', '', {}],
      ['nothing out of separators', '&&&', {}],
      ['past unknown fields', 'order_id=7&txnid=A&billerId=&expiry', { txnid: 'A' }],
      ['past unknown fields with bad escapes', 'utm=50%&ref=%ff&%zz=1&txnid=A', { txnid: 'A' }],
      ['past unknown fields that repeat', 'x=1&x=2&txnid=A', { txnid: 'A' }],
      [
        'past names of an object',
        '__proto__=a&constructor=b&toString=c&hasOwnProperty=d&__proto__[txnid]=e&txnid=A',
        { txnid: 'A' },
      ],
      ['past nested names', 'txnid[a]=x&txnid[]=y&txnid.b=z&refno%5b0%5d=w&status=S', { status: 'S' }],
      // U+212A Kelvin, U+017F long s, U+0131 dotless i, U+0130 dotted I: each becomes an ASCII letter under some rule
      // of case folding.
      ['past letters that only Unicode folds', 'ſtatus=a&txnıd=b&TXNİD=c&toKen=d&ſignature=e', {}],
    ];

    for (const [what, form, known] of cases) {
      const latin1 = Buffer.from(form, /[^\u0000-\u00ff]/.test(form) ? 'utf8' : 'latin1').toString('latin1');
      for (const [way, request] of Object.entries(everyWay(latin1))) {
        it(`${what}, from ${way}`, async () => {
          const fields = await read(request);
          expect(ownFields(fields.known)).to.deep.equal(known);
          expect(fields.issues).to.deep.equal([]);
        });
      }
    }

    it('the names of the protocol and no others', async () => {
      const { known } = await read(postForm('txnid=A&__proto__=x&constructor=y&toString=z'));
      expect(Object.keys(known)).to.have.members([...knownFieldNames]);
      expect(ownFields(known)).to.deep.equal({ txnid: 'A' });
      expect(Object.getPrototypeOf(known)).to.equal(Object.prototype);
      expect(Object.getPrototypeOf({})).to.not.have.property('txnid');
    });
  });

  describe('finds an issue with', () => {
    const cases: Array<[what: string, form: string, issues: Array<[code: string, field: string | undefined]>]> = [
      ['a percent sign beside bytes that are not UTF-8', 'message=%ff%zz', [['invalid-utf8', 'message']]],
      ['Latin-1 in an escape', 'message=Ni%f1o', [['invalid-utf8', 'message']]],
      ['Latin-1 in raw bytes', 'message=Ni\xf1o', [['invalid-utf8', 'message']]],
      ['a character cut short', 'message=%c3', [['invalid-utf8', 'message']]],
      ['a character cut short by another', 'message=%c3x', [['invalid-utf8', 'message']]],
      ['an overlong NUL', 'message=%c0%80', [['invalid-utf8', 'message']]],
      ['a byte that only continues a character', 'message=%80', [['invalid-utf8', 'message']]],
      ['nothing but a NUL', '\0', [['nul-character', undefined]]],
      ['a surrogate', 'message=%ed%a0%80', [['invalid-utf8', 'message']]],
      ['what is beyond Unicode', 'message=%f4%90%80%80', [['invalid-utf8', 'message']]],
      ['an escaped NUL', 'message=a%00b', [['nul-character', 'message']]],
      ['a raw NUL', 'txnid=A\0', [['nul-character', 'txnid']]],
      ['a NUL in an unknown value', 'note=%00', [['nul-character', undefined]]],
      ['a NUL in a name', 'txnid%00=A', [['nul-character', undefined]]],
      ['a NUL beside bytes that are not UTF-8', 'procid=%ff\0', [['nul-character', 'procid']]],
      ['an escaped NUL beside such bytes in an unknown value', 'note=\xff%00', [['nul-character', undefined]]],
      ['a NUL in a name before such bytes', 'x%00=%ff', [['nul-character', undefined]]],
      ['no NUL where a percent sign is escaped', 'procid=%ff%2500', [['invalid-utf8', 'procid']]],
      ['a repeated field', 'txnid=A&txnid=B', [['repeated-field', 'txnid']]],
      ['a field repeated alike', 'digest=a&digest=a', [['repeated-field', 'digest']]],
      ['a field repeated in another letter case', 'txnid=A&TxnID=A', [['repeated-field', 'txnid']]],
      ['a field repeated with its name escaped', 'txnid=A&txn%69d=B', [['repeated-field', 'txnid']]],
      ['a field repeated empty', 'param1=&param1=', [['repeated-field', 'param1']]],
      [
        'a field that occurs thrice',
        'status=S&status=F&status=P',
        [
          ['repeated-field', 'status'],
          ['repeated-field', 'status'],
        ],
      ],
      [
        'several fields, in the order of the wire',
        'txnid=%ff&refno=%00',
        [
          ['invalid-utf8', 'txnid'],
          ['nul-character', 'refno'],
        ],
      ],
      ['a bad name in its letter case folded', 'MESSAGE=%ff', [['invalid-utf8', 'message']]],
    ];

    for (const [what, form, expected] of cases) {
      for (const [way, request] of Object.entries(everyWay(form))) {
        it(`${what}, from ${way}`, async () => {
          expect(problemsOf(await read(request))).to.deep.equal(expected);
        });
      }
    }

    for (const name of knownFieldNames) {
      it(`${name} given twice`, async () => {
        const { issues } = await read(postForm(`${name}=1&${name.toUpperCase()}=2`));
        expect(issues).to.deep.equal([
          { code: 'repeated-field', field: name, message: `${name} occurs more than once` },
        ]);
      });
    }

    it('a bad first occurrence, which a good second one does not heal', async () => {
      const { issues } = await read(postForm('txnid=%ff&txnid=A'));
      expect(issues.map(({ code }) => code)).to.deep.equal(['invalid-utf8']);
    });
  });

  it('says in words what is wrong, and with which field', async () => {
    const cases: Array<[form: string, message: string]> = [
      ['txnid=%ff', 'txnid is not UTF-8'],
      ['txnid=A%00', 'txnid holds a NUL character'],
      ['param1=%ff&param1=x', 'param1 occurs more than once'],
      ['param1=x&param1=%ff', 'param1 is not UTF-8'],
      ['param1=%ff&param1=%fe', 'param1 is not UTF-8'],
    ];
    for (const [form, message] of cases) {
      const { issues } = await read(postForm(form));
      expect(
        issues.map((issue) => issue.message),
        form,
      ).to.deep.equal([message]);
    }
    const { issues } = await read(postForm('note=%00'));
    expect(issues).to.deep.equal([{ code: 'nul-character', message: 'a field holds a NUL character' }]);
    const repeated = await read(parsed([['txnid', ['A', 'B']]]));
    expect(repeated.issues[0]?.message).to.equal('txnid occurs more than once');
  });

  it('tells a U+FFFD that was sent from one that a parser of text wrote', async () => {
    const text = 'txnid=A&param1=a\ufffdb&param2=%ef%bf%bd&x=\ufffd';
    const { known, odd, issues } = await read(makeRequest({ body: { kind: 'text', text } }));
    expect(ownFields(known)).to.deep.equal({ txnid: 'A', param2: '\ufffd' });
    expect(issues).to.deep.equal([]);
    const message = 'param1 was decoded with losses by the body parser in front';
    expect([...(odd ?? [])]).to.deep.equal([['param1', { code: 'altered-by-parser', message }]]);
    const bytes = await read(postForm('param1=a\xef\xbf\xbdb'));
    expect(ownFields(bytes.known)).to.deep.equal({ param1: 'a\ufffdb' });
  });

  it('explains a missing id only if the query of the POST has one', async () => {
    const cases: Array<[body: string, query: string, isExplained: boolean]> = [
      ['', '?txnid=A', true],
      ['refno=R', '?merchantTxnId=O', true],
      ['', '', false],
      ['', '?a=b', false],
      ['txnid=', '?txnid=A', false],
      ['merchantTxnId=O', '?txnid=A', false],
      ['', `?txnid=A&x=${'x'.repeat(9_000)}`, false],
    ];
    for (const [body, query, isExplained] of cases) {
      const { issues } = await read(postForm(body, { target: `/callback${query}` }));
      const message = 'the body holds no txnid or merchantTxnId; the query of a POST is not read';
      const expected = isExplained ? [{ code: 'missing-field', field: 'txnid', message }] : [];
      expect(issues, `${body} ${query.slice(0, 20)}`).to.deep.equal(expected);
    }
    const { issues } = await read(postForm('note=%00', { target: '/callback?txnid=A' }));
    expect(issues.map(({ code }) => code)).to.deep.equal(['nul-character']);
  });

  it('keeps every pair as received, in order, and undecoded if it cannot be decoded', async () => {
    const { received } = await read(postForm('Order=a+b&txnid=%41&=e&%zz=%2b&message=%ff+&txnid&x=1&x=2'));
    expect(received()).to.deep.equal([
      ['Order', 'a b'],
      ['txnid', 'A'],
      ['', 'e'],
      ['%zz', '+'],
      ['message', '%ff+'],
      ['txnid', ''],
      ['x', '1'],
      ['x', '2'],
    ]);
  });

  it('reads no form again that was released', async () => {
    const fields = await read(postForm('txnid=A'));
    fields.releaseForm?.();
    expect(() => fields.raw()).to.throw('the form of this callback was released');
    expect(fields.known.txnid).to.equal('A');
  });

  it('keeps the raw form as printable ASCII', async () => {
    const { raw } = await read(postForm('message=Ni\xc3\xb1o+%F1\r\n \x7f&digest=ab\r\n'));
    expect(raw()).to.equal('message=Ni%c3%b1o+%F1%0d%0a%20%7f&digest=ab');
  });

  it('keeps a raw form that says the same when it is read again', async () => {
    await fc.assert(
      // In a name that cannot be decoded, a raw NUL is refused, and an escaped NUL is only a part of that name.
      fc.asyncProperty(fc.uint8Array({ maxLength: 60, min: 1 }), async (bytes) => {
        const once = await read(makeRequest({ body: { kind: 'bytes', bytes } }));
        const again = await read(postForm(once.raw()));
        expect(once.raw()).to.match(/^[\u0021-\u007e]*$/);
        expect(ownFields(again.known)).to.deep.equal(ownFields(once.known));
        expect(again.issues).to.deep.equal(once.issues);
      }),
    );
  });

  it('accepts no fields whose raw form cannot be read again, whatever was in front', async () => {
    const piece = fc.constantFrom('a', '\0', '\ufffd', '%', '00', 'ff', 'c3', '\ud800', 'ñ', '+', '\n', ' ');
    const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const name = fc.oneof(fc.constantFrom('procid', 'ProcId', 'param1', 'amount', 'note'), text);
    const pair = fc.tuple(name, fc.oneof(text, text, fc.array(text, { maxLength: 2 }), fc.constant({ a: '\0' })));
    const bodies = fc.array(pair, { maxLength: 3 }).chain((fields): fc.Arbitrary<BodyRead> => {
      const form = fields.map(([key, value]) => `${key}=${String(value)}`).join('&');
      return fc.constantFrom(
        { kind: 'fields', fields },
        { kind: 'text', text: form },
        { kind: 'bytes', bytes: Buffer.from(form.replaceAll('\ufffd', '\xff'), 'latin1') },
      );
    });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const once = await read(makeRequest({ body }));
        if (once.issues.length > 0) return;
        accepted++;
        expect((await read(postForm(once.raw()))).issues, once.raw()).to.deep.equal([]);
      }),
      { numRuns: 1_000 },
    );
    expect(accepted).to.be.above(300);
  });

  describe('takes', () => {
    const mediaTypes: Array<[contentType: string | undefined, code: string | undefined]> = [
      ['application/x-www-form-urlencoded', undefined],
      ['application/x-www-form-urlencoded; charset=utf-8', undefined],
      ['application/x-www-form-urlencoded;charset=ISO-8859-1', undefined],
      ['Application/X-WWW-Form-URLEncoded ; charset=UTF-8', undefined],
      [' application/x-www-form-urlencoded', undefined],
      [undefined, undefined],
      ['', undefined],
      [';', undefined],
      ['application/json', 'unsupported-media-type'],
      ['multipart/form-data; boundary=x', 'unsupported-media-type'],
      ['text/plain', 'unsupported-media-type'],
      ['application/x-www-form-urlencoded-x', 'unsupported-media-type'],
      ['application/x-www-form-urlencoded, text/plain', undefined],
      ['text/plain, application/x-www-form-urlencoded', 'unsupported-media-type'],
      ['text/plain; application/x-www-form-urlencoded', 'unsupported-media-type'],
    ];
    for (const [contentType, code] of mediaTypes) {
      it(`${code === undefined ? '' : 'no '}POST with the media type ${contentType ?? 'left out'}`, async () => {
        const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType };
        const request = postForm('txnid=A', { headers });
        expect(await refusal(request)).to.equal(code);
        expect(request.limitsAsked).to.have.length(code === undefined ? 1 : 0);
      });
    }

    const encodings: Array<[contentEncoding: string, code: string | undefined]> = [
      ['identity', undefined],
      ['Identity', undefined],
      ['', undefined],
      ['gzip', 'unsupported-content-encoding'],
      ['br', 'unsupported-content-encoding'],
      ['identity, gzip', 'unsupported-content-encoding'],
    ];
    for (const [contentEncoding, code] of encodings) {
      it(`${code === undefined ? '' : 'no '}POST with the content encoding ${contentEncoding}`, async () => {
        const headers = {
          'content-type': 'application/x-www-form-urlencoded',
          'content-encoding': contentEncoding,
        };
        const request = postForm('txnid=A', { headers });
        expect(await refusal(request)).to.equal(code);
        expect(request.limitsAsked).to.have.length(code === undefined ? 1 : 0);
      });
    }
  });

  describe('looks in one place only:', () => {
    it('a POST never takes the query', async () => {
      const { known } = await read(postForm('refno=R', { target: '/callback?txnid=A&status=S' }));
      expect(ownFields(known)).to.deep.equal({ refno: 'R' });
    });

    it('a GET never takes the body', async () => {
      const request = getQuery('refno=R', { body: { kind: 'text', text: 'txnid=A&status=S' } });
      const { known } = await read(request);
      expect(ownFields(known)).to.deep.equal({ refno: 'R' });
      expect(request.limitsAsked).to.deep.equal([]);
    });

    it('a GET takes the query of a target that is nothing else', async () => {
      const { known } = await read(makeRequest({ method: 'GET', target: '?txnid=A' }));
      expect(ownFields(known)).to.deep.equal({ txnid: 'A' });
    });

    it('a GET without a query has no fields', async () => {
      const { known, received } = await read(makeRequest({ method: 'GET', target: '/callback' }));
      expect(ownFields(known)).to.deep.equal({});
      expect(received()).to.deep.equal([]);
    });
  });

  describe('keeps its limits:', () => {
    const pairs = (count: number) => Array.from({ length: count }, (_, index) => `x${index}=1`).join('&');

    it('64 fields pass, 65 do not', async () => {
      expect(await refusal(postForm(pairs(64)))).to.equal(undefined);
      expect(await refusal(getQuery(pairs(64)))).to.equal(undefined);
      expect(await refusal(postForm(pairs(65)))).to.equal('body-too-large');
      expect(await refusal(getQuery(pairs(65)))).to.equal('query-too-long');
    });

    it('empty pairs count as none', async () => {
      expect(await refusal(postForm(`${'&'.repeat(500)}${pairs(64)}${'&'.repeat(500)}`))).to.equal(undefined);
    });

    it('64 parsed fields pass, 65 do not', async () => {
      const entries = (count: number) => Array.from({ length: count }, (_, index) => [`x${index}`, '1'] as const);
      expect(await refusal(parsed(entries(64)))).to.equal(undefined);
      expect(await refusal(parsed(entries(65)))).to.equal('body-too-large');
    });

    it('parsed fields count as often as they occurred', async () => {
      const cases: Array<[fields: Array<[string, unknown]>, count: number]> = [
        [[['a', ['1', '2', '3']]], 3],
        [[['a', { b: '1', c: '2' }], ['d', 'long']], 3],
        [[['a', []], ['b', {}], ['c', null]], 3],
      ]; // biome-ignore format: a line each
      for (const [fields, count] of cases) {
        expect(await refusal(parsed(fields), { fields: count }), JSON.stringify(fields)).to.equal(undefined);
        expect(await refusal(parsed(fields), { fields: count - 1 }), JSON.stringify(fields)).to.equal('body-too-large');
      }
    });

    it('parsed fields have the least length that their form can have had', async () => {
      const cases: Array<[fields: Array<[string, unknown]>, bytes: number]> = [
        [[['a', '1'.repeat(98)]], 100],
        [[['a', '1'.repeat(47)], ['b', '1'.repeat(48)]], 100],
        [[['a'.repeat(99), '']], 99],
        [[['a'.repeat(99), 5]], 99],
        [[['a', 'ñ'.repeat(49)]], 100],
        [[['a', '\ufffd'.repeat(98)]], 100],
      ]; // biome-ignore format: a line each
      for (const [fields, bodyBytes] of cases) {
        const of = JSON.stringify(fields).slice(0, 30);
        expect(await refusal(parsed(fields), { bodyBytes }), of).to.equal(undefined);
        expect(await refusal(parsed(fields), { bodyBytes: bodyBytes - 1 }), of).to.equal('body-too-large');
      }
    });

    const bodies: Array<[what: string, body: (length: number) => BodyRead]> = [
      ['bytes', (length) => ({ kind: 'bytes', bytes: Buffer.alloc(length, 'a') })],
      ['text', (length) => ({ kind: 'text', text: 'a'.repeat(length) })],
      ['text that is not ASCII', (length) => ({ kind: 'text', text: `${'ñ'.repeat(10)}${'a'.repeat(length - 20)}` })],
    ];
    for (const [what, body] of bodies) {
      it(`a body of ${what} passes at the limit in bytes, and not above it`, async () => {
        expect(await refusal(makeRequest({ body: body(100) }), { bodyBytes: 100 })).to.equal(undefined);
        expect(await refusal(makeRequest({ body: body(101) }), { bodyBytes: 100 })).to.equal('body-too-large');
      });
    }

    it('the adapter is asked with the limit', async () => {
      const request = postForm('txnid=A');
      await read(request, { bodyBytes: 1234 });
      expect(request.limitsAsked).to.deep.equal([1234]);
    });

    it('a query passes at the limit, and not above it', async () => {
      expect(await refusal(getQuery('a'.repeat(100)), { queryBytes: 100 })).to.equal(undefined);
      expect(await refusal(getQuery('a'.repeat(101)), { queryBytes: 100 })).to.equal('query-too-long');
    });

    it('a long path is no long query', async () => {
      const request = makeRequest({ method: 'GET', target: `/${'a'.repeat(9000)}?txnid=A` });
      expect(await refusal(request)).to.equal(undefined);
    });
  });

  describe('refuses a body that', () => {
    const cases: Array<[what: string, body: BodyRead, expected: object]> = [
      ['is too large', { kind: 'too-large', limit: 16_384 }, { ok: false, code: 'body-too-large' }],
      ['never came', { kind: 'aborted' }, { ok: false, code: 'body-aborted' }],
      [
        'somebody consumed, and says what the adapter knows',
        { kind: 'consumed', hint: 'a logger read it' },
        { ok: false, code: 'body-consumed', detail: 'a logger read it' },
      ],
    ];
    for (const [what, body, expected] of cases) {
      it(what, async () => {
        expect(await readFields(makeRequest({ body }), limits)).to.deep.equal(expected);
      });
    }
  });

  describe('takes from a body parser', () => {
    const cases: Array<[what: string, fields: Array<[string, unknown]>, known: KnownFields, codes: string[]]> = [
      [
        'strings',
        [
          ['TxnId', ' A '],
          ['message', 'a%2b+ñ'],
        ],
        { txnid: ' A ', message: 'a%2b+ñ' },
        [],
      ],
      ['a value that qs may have left undecoded', [['message', '100% off%21']], { message: '100% off%21' }, []],
      ['a name with a byte order mark', [['\ufefftxnid', 'A']], { txnid: 'A' }, []],
      ['an empty string', [['param1', '']], { param1: '' }, []],
      ['no list', [['txnid', ['A', 'B']]], {}, ['repeated-field']],
      ['no list of one', [['txnid', ['A']]], {}, ['repeated-field']],
      ['no nested object', [['txnid', { a: 'A' }]], {}, ['altered-by-parser']],
      ['no number', [['amount', 100]], {}, ['altered-by-parser']],
      ['no boolean', [['status', true]], {}, ['altered-by-parser']],
      ['no null', [['message', null]], {}, ['altered-by-parser']],
      ['no undefined', [['message', undefined]], {}, ['altered-by-parser']],
      ['no text with a replacement character', [['message', 'Ni\ufffdo']], {}, ['altered-by-parser']],
      ['no NUL', [['message', 'a\0b']], {}, ['nul-character']],
      ['no NUL beside a replacement character', [['procid', '\ufffd\0']], {}, ['nul-character']],
      ['no NUL in an unknown field that is repeated', [['x', ['a', '\0']]], {}, ['nul-character']],
      ['no NUL in a name', [['x\0', 'a']], {}, ['nul-character']],
      [
        'no field in two letter cases',
        [
          ['txnid', 'A'],
          ['TXNID', 'A'],
        ],
        { txnid: 'A' },
        ['repeated-field'],
      ],
      [
        'whatever it made of unknown fields',
        [
          ['a', ['1', '2']],
          ['b', { c: '3' }],
          ['d', 4],
          ['e', '\ufffd'],
          ['__proto__', { txnid: 'A' }],
        ],
        {},
        [],
      ],
    ];
    for (const [what, entries, known, codes] of cases) {
      it(what, async () => {
        const fields = await read(parsed(entries));
        expect(ownFields(fields.known)).to.deep.equal(known);
        expect(problemsOf(fields).map(([code]) => code)).to.deep.equal(codes);
      });
    }

    it('the readings that its values allow, each with its raw form', async () => {
      const all = await read(
        parsed([
          ['message', '100% off%21'],
          ['param1', 'x\r\n'],
        ]),
      );
      const readings = [all, ...(all.otherwise ?? [])].map(({ known, raw }) => [known.message, known.param1, raw()]);
      expect(readings).to.deep.equal([
        ['100% off%21', 'x', 'message=100%25%20off%2521&param1=x'],
        ['100% off!', 'x', 'message=100%25%20off!&param1=x'],
        ['100% off%21', 'x\r\n', 'message=100%25%20off%2521&param1=x%0D%0A'],
        ['100% off!', 'x\r\n', 'message=100%25%20off!&param1=x%0D%0A'],
      ]);
    });

    it('a mark and a line end, whatever names that are numbers a parser put in front', async () => {
      const fields = await read(parsed(Object.entries({ '\ufefftxnid': 'A', 5: 'x\r\n', status: 'S\r\n' })));
      expect(ownFields(fields.known)).to.deep.equal({ txnid: 'A', status: 'S' });
    });

    it('one reading only, if its values allow no other', async () => {
      for (const fields of [
        [],
        [['7', 'x\r\n']],
        [['txnid', 'A']],
        [['message', '%41 off']],
        [['message', '100% off']],
      ]) {
        const all = await read(parsed(fields as Array<[string, string]>));
        expect('otherwise' in all, JSON.stringify(fields)).to.equal(false);
        expect(all.received()).to.deep.equal(fields);
      }
    });

    it('the escapes that it left, whatever stands beside them', async () => {
      for (const [value, decoded] of [
        ['% %41', '% A'],
        ['5%a %41', '5%a A'],
        ['ñ+1 100% %c3%b1', 'ñ+1 100% ñ'],
      ] as const) {
        const { known, otherwise } = await read(parsed([['message', value]]));
        expect([known.message, otherwise?.map((reading) => reading.known.message)]).to.deep.equal([value, [decoded]]);
      }
    });

    it('a line end behind a name without a value', async () => {
      const { known } = await read(parsed([['txnid', 'A'], ['status\r\n', '']])); // biome-ignore format: one line
      expect(ownFields(known)).to.deep.equal({ txnid: 'A', status: '' });
    });

    it('a mark behind names that are numbers, and behind no others', async () => {
      const behind = async (name: string) => ownFields((await read(parsed([[name, 'x'], ['\ufefftxnid', 'A']]))).known); // biome-ignore format: one line
      expect(await behind('55')).to.deep.equal({ txnid: 'A' });
      expect(await behind('5a')).to.deep.equal({});
      expect(await behind('a5')).to.deep.equal({});
    });

    it('values whose problems name it, also if it has no name', async () => {
      const { odd } = await read(parsed([['amount', 100]]));
      expect(odd?.get('amount')?.message).to.equal('amount is not a string after the body parser in front');
    });

    it('a raw form with every text of a list', async () => {
      const { raw } = await read(parsed([['a', ['1', '2', { b: '3' }]]]));
      expect(raw()).to.equal('a=1&a=2');
    });

    it('names it in the issue', async () => {
      const { odd } = await read(
        parsed(
          [
            ['amount', 100],
            ['message', '\ufffd'],
          ],
          'express.urlencoded()',
        ),
      );
      expect([...(odd ?? [])].map(([, { message }]) => message)).to.deep.equal([
        'amount is not a string after express.urlencoded()',
        'message was decoded with losses by express.urlencoded()',
      ]);
    });

    it('a raw form that is encoded anew, whatever the text holds', async () => {
      const { raw } = await read(
        parsed([
          ['message', 'ñ & \ud800='],
          ['txnid', 'A'],
        ]),
      );
      expect(raw()).to.equal('message=%C3%B1%20%26%20%EF%BF%BD%3D&txnid=A');
    });
  });

  describe('undoes encodeCallback', () => {
    const anyText = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replaceAll('\0', ''));
    // A byte order mark or line ends in front of a form are not part of it.
    const anyName = anyText.map((text) => text.replace(/^[\ufeff\r\n]+/, ''));
    const anyFields = fc.dictionary(fc.oneof(fc.constantFrom(...knownFieldNames), anyName), anyText, { maxKeys: 20 });
    const isKnown = (name: string) => (knownFieldNames as readonly string[]).includes(name);

    it('for any text, in a body and in a query', async () => {
      await fc.assert(
        fc.asyncProperty(anyFields, async (fields) => {
          const form = encodeCallback(fields);
          for (const request of [postForm(form), getQuery(form)]) {
            const { known, received, issues } = await read(request, { bodyBytes: 1e6, queryBytes: 1e6 });
            expect(received()).to.deep.equal(Object.entries(fields));
            expect(issues).to.deep.equal([]);
            for (const [name, value] of Object.entries(fields)) {
              if (isKnown(name)) expect(known[name as keyof KnownFields]).to.equal(value);
            }
          }
        }),
      );
    });
  });

  it('never rejects, whatever bytes arrive', async () => {
    const hostile = fc.array(fc.constantFrom('%', '&', '=', '+', '0', 'f', 'txnid', 'message', '\0', '\xff', '\xc3'), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(hostile, async (pieces) => {
        for (const request of [postForm(pieces.join('')), getQuery(pieces.join(''))]) {
          const fields = await readFields(request, limits);
          expect(fields.ok).to.be.a('boolean');
        }
      }),
    );
  });

  describe('reads the recorded callback', () => {
    for (const { raw_query, fields } of recordedCallbacks) {
      const form = raw_query ?? encodeCallback(fields);
      it(`of ${fields.txnid}`, async () => {
        for (const request of Object.values(everyWay(form))) {
          const { known, issues } = await read(request);
          expect(ownFields(known)).to.deep.equal(fields);
          expect(issues).to.deep.equal([]);
        }
      });
    }
  });
});
