import { transform } from '@swc/core';
import { expect } from 'chai';
import { DragonpayCallback } from '../../src/decorators/dragonpay-callback.js';
import { addMethod, type HandlerClass } from '../../src/decorators/handler-metadata.js';
import { OnDispatch } from '../../src/decorators/on-dispatch.js';
import { OnGet } from '../../src/decorators/on-get.js';
import { OnPost } from '../../src/decorators/on-post.js';
import { OnStatus } from '../../src/decorators/on-status.js';
import { DragonpayError } from '../../src/errors.js';
import type { Callback, StoredCallback } from '../../src/model/callback.js';
import type { CallbackReply, CallbackRequest } from '../../src/model/callback-request.js';
import { MemoryRepository } from '../../src/repository/memory-repository.js';
import { dispatchForged, dispatchSigned, paymentFields, testEndpoint } from '../support/dispatch-signed.js';

/** These classes are compiled with `experimentalDecorators`; the decorator matrix runs the standard ones. */
describe('decorators', () => {
  /** The reply to a callback of each HTTP method. */
  async function answersOf(Class: HandlerClass): Promise<{ POST: string; GET: string }> {
    const endpoint = testEndpoint(Class);
    const [post, get] = [await dispatchSigned(endpoint), await dispatchSigned(endpoint, paymentFields(), 'GET')];
    return { POST: post.body, GET: get.body };
  }

  /** A repository that holds payment and payout T-1, both pending. */
  async function repositoryWithRows(): Promise<MemoryRepository> {
    const repository = new MemoryRepository();
    await repository.createPayment({ txnid: 'T-1', amount: '100.00' });
    await repository.createPayout({ merchantTxnId: 'T-1', amount: '100.00', refno: 'R1' });
    return repository;
  }

  describe('compiled to a proposal that has no metadata', () => {
    for (const source of ['@C() class K { @P() post() {} }', '@C() class K { post() {} }']) {
      it(`names the option of the compiler: ${source}`, async () => {
        const { code } = await transform(source, {
          swcrc: false,
          configFile: false,
          isModule: false,
          jsc: {
            target: 'es2022',
            parser: { syntax: 'ecmascript', decorators: true },
            transform: { decoratorVersion: '2021-12' },
          },
        });
        const run = () => new Function('C', 'P', code)(DragonpayCallback, OnPost);
        expect(run).to.throw(DragonpayError, 'set experimentalDecorators to true');
      });
    }

    // The arguments that Babel 7 passes to decorators with the versions 2021-12, 2022-03 and 2023-01.
    const method = { kind: 'method', name: 'post', static: false, private: false } as ClassMethodDecoratorContext;
    const compiled: Readonly<Record<string, () => void>> = {
      OnPost: () => OnPost()((() => undefined) as never, method as never),
      DragonpayCallback: () => DragonpayCallback()(class {}, { kind: 'class', name: 'K' } as ClassDecoratorContext),
    };
    for (const [name, run] of Object.entries(compiled)) {
      it(`names the version that Babel and swc need: ${name}`, () => {
        expect(run).to.throw(DragonpayError, `${name} needs decorators with metadata: set the version`);
      });
    }
  });

  describe('the options of @DragonpayCallback', () => {
    @DragonpayCallback()
    class WithDefaults {
      @OnPost() post({ valid }: Callback) {
        return `handled, valid ${valid}`;
      }
    }
    @DragonpayCallback({})
    class WithEmptyOptions extends WithDefaults {}
    @DragonpayCallback({ updateOnGet: true })
    class UpdatesOnGet extends WithDefaults {}
    @DragonpayCallback({ allowInvalidData: false })
    class RefusesInvalid extends WithDefaults {}
    @DragonpayCallback(false, true)
    class PositionalDefaults extends WithDefaults {}
    @DragonpayCallback(true)
    class PositionalUpdateOnGet extends WithDefaults {}
    @DragonpayCallback(true, false)
    class PositionalBoth extends WithDefaults {}
    class NotDecoratedAgain extends PositionalBoth {}
    @DragonpayCallback()
    class DefaultsAgain extends PositionalBoth {}

    const cases: ReadonlyArray<[form: string, Class: HandlerClass, updateOnGet: boolean, allowInvalidData: boolean]> = [
      ['@DragonpayCallback()', WithDefaults, false, true],
      ['@DragonpayCallback({})', WithEmptyOptions, false, true],
      ['@DragonpayCallback({ updateOnGet: true })', UpdatesOnGet, true, true],
      ['@DragonpayCallback({ allowInvalidData: false })', RefusesInvalid, false, false],
      ['@DragonpayCallback(false, true)', PositionalDefaults, false, true],
      ['@DragonpayCallback(true)', PositionalUpdateOnGet, true, true],
      ['@DragonpayCallback(true, false)', PositionalBoth, true, false],
      ['a subclass that is not decorated, of (true, false)', NotDecoratedAgain, true, false],
      ['a subclass that is decorated with (), of (true, false)', DefaultsAgain, false, true],
    ];

    for (const [form, Class, updateOnGet, allowInvalidData] of cases) {
      it(`${form} ${updateOnGet ? 'stores' : 'does not store'} what comes by GET`, async () => {
        const repository = await repositoryWithRows();
        await dispatchSigned(testEndpoint(Class, { repository }), paymentFields(), 'GET');
        expect((await repository.findPayment('T-1'))?.status).to.equal(updateOnGet ? 'S' : 'P');
      });

      it(`${form} ${allowInvalidData ? 'shows' : 'hides'} a forged callback`, async () => {
        const reply = await dispatchForged(testEndpoint(Class));
        expect(reply.body).to.equal(allowInvalidData ? 'handled, valid false' : 'error=proof-mismatch');
      });
    }
  });

  describe('the methods', () => {
    it('are called for their verb, and a verb without a method is answered by default', async () => {
      @DragonpayCallback()
      class OnlyPost {
        @OnPost() post() {
          return 'posted';
        }
      }
      expect(await answersOf(OnlyPost)).to.deep.equal({ POST: 'posted', GET: 'result=OK' });
    });

    it('may be one and the same for GET and POST', async () => {
      @DragonpayCallback()
      class One {
        @OnGet() @OnPost() both(callback: Callback) {
          return `${callback.method} ${callback.valid}`;
        }
      }
      expect(await answersOf(One)).to.deep.equal({ POST: 'POST true', GET: 'GET true' });
    });

    it('are called with the instance as this, and find private fields', async () => {
      @DragonpayCallback()
      class Counter {
        #calls = 0;
        @OnPost() post() {
          this.#calls += 1;
          return `call ${this.#calls}`;
        }
      }
      const endpoint = testEndpoint(Counter);
      await dispatchSigned(endpoint);
      expect((await dispatchSigned(endpoint)).body).to.equal('call 2');
    });

    it('may be named by symbols', async () => {
      const post = Symbol('post');
      const status = Symbol('status');
      const reached: string[] = [];
      @DragonpayCallback()
      class Symbols {
        @OnPost() [post]() {
          return 'from a symbol';
        }
        @OnStatus('S') [status](callback: StoredCallback<'S'>) {
          reached.push(callback.status);
        }
      }
      const reply = await dispatchSigned(testEndpoint(Symbols, { repository: await repositoryWithRows() }));
      expect([reply.body, reached]).to.deep.equal(['from a symbol', ['S']]);
    });

    it('may have the names of members that every object has', async () => {
      @DragonpayCallback()
      class Odd {
        @OnPost() toString() {
          return 'from toString';
        }
        @OnGet() valueOf() {
          return 'from valueOf';
        }
      }
      expect(await answersOf(Odd)).to.deep.equal({ POST: 'from toString', GET: 'from valueOf' });
    });

    it('of @OnDispatch are around all others', async () => {
      @DragonpayCallback()
      class Around {
        @OnDispatch() async around(request: CallbackRequest, next: () => Promise<CallbackReply>) {
          const reply = await next();
          return { ...reply, body: `${request.method}: ${reply.body}` };
        }
        @OnPost() post() {
          return 'posted';
        }
      }
      expect(await answersOf(Around)).to.deep.equal({ POST: 'POST: posted', GET: 'GET: result=OK' });
    });
  });

  describe('@OnStatus', () => {
    @DragonpayCallback()
    class ByStatus {
      readonly called: string[] = [];
      @OnStatus('S') paid({ status, kind }: StoredCallback<'S'>) {
        this.called.push(`paid: ${kind} ${status}`);
      }
      @OnStatus('F', 'V') @OnStatus('E') lost({ status, kind }: StoredCallback<'F' | 'V' | 'E'>) {
        this.called.push(`lost: ${kind} ${status}`);
      }
      @OnStatus('S', { kind: 'payout' }) sent({ status, kind }: StoredCallback<'S', unknown, 'payout'>) {
        this.called.push(`sent: ${kind} ${status}`);
      }
      @OnStatus('R', { kind: 'payment' }) returned({ status, kind }: StoredCallback<'R'>) {
        this.called.push(`returned: ${kind} ${status}`);
      }
    }
    const payout = (status: string) => ({ merchantTxnId: 'T-1', refno: 'R1', status, message: 'OK' });

    const cases = [
      ['a payment that becomes S', [paymentFields({ status: 'S' })], ['paid: payment S']],
      ['a payment that becomes F', [paymentFields({ status: 'F' })], ['lost: payment F']],
      ['a payment that becomes V', [paymentFields({ status: 'V' })], ['lost: payment V']],
      ['a payment that becomes E', [paymentFields({ status: 'E' })], ['lost: payment E']],
      ['a payment that becomes U, which no method names', [paymentFields({ status: 'U' })], []],
      ['a payout that becomes S', [payout('S')], ['sent: payout S']],
      ['a payout that becomes F, which methods name for payments only', [payout('F')], []],
      ['a payment that becomes S twice', [paymentFields(), paymentFields()], ['paid: payment S']],
      [
        'a payment that becomes S, then R',
        [paymentFields(), paymentFields({ status: 'R' })],
        ['paid: payment S', 'returned: payment R'],
      ],
    ] as const;

    for (const [what, callbacks, called] of cases) {
      it(`${what} calls ${called.length === 0 ? 'nothing' : called.join(', ')}`, async () => {
        const handler = new ByStatus();
        const endpoint = testEndpoint(ByStatus, {
          repository: await repositoryWithRows(),
          resolver: { get: () => handler },
        });
        for (const fields of callbacks) await dispatchSigned(endpoint, fields);
        expect(handler.called).to.deep.equal(called);
      });
    }
  });

  describe('a subclass', () => {
    @DragonpayCallback()
    class Base {
      @OnPost() post() {
        return `post of Base, ${this.name()}`;
      }
      @OnGet() get() {
        return 'get of Base';
      }
      name() {
        return 'named by Base';
      }
    }

    const cases: ReadonlyArray<[does: string, make: () => HandlerClass, answers: { POST: string; GET: string }]> = [
      [
        'that overrides one method keeps the other',
        () =>
          class extends Base {
            override post() {
              return 'post of the subclass';
            }
          },
        { POST: 'post of the subclass', GET: 'get of Base' },
      ],
      [
        'that overrides and decorates one method keeps the other',
        () => {
          class Sub extends Base {
            @OnPost() override post() {
              return `${super.post()}, then the subclass`;
            }
          }
          return Sub;
        },
        { POST: 'post of Base, named by Base, then the subclass', GET: 'get of Base' },
      ],
      [
        'that decorates another method for a verb replaces the base method',
        () => {
          class Sub extends Base {
            @OnPost() settle() {
              return 'settle of the subclass';
            }
          }
          return Sub;
        },
        { POST: 'settle of the subclass', GET: 'get of Base' },
      ],
      [
        'that overrides what a method calls changes it',
        () =>
          class extends Base {
            override name() {
              return 'named by the subclass';
            }
          },
        { POST: 'post of Base, named by the subclass', GET: 'get of Base' },
      ],
      [
        'that decorates a method of the base for the other verb uses it for both',
        () => {
          class Sub extends Base {
            @OnGet() override post() {
              return 'post for both';
            }
          }
          return Sub;
        },
        { POST: 'post for both', GET: 'post for both' },
      ],
      [
        'of a subclass that says nothing inherits through it',
        () => class extends class extends Base {} {},
        { POST: 'post of Base, named by Base', GET: 'get of Base' },
      ],
    ];

    for (const [does, make, answers] of cases) {
      it(does, async () => {
        expect(await answersOf(make())).to.deep.equal(answers);
        expect(await answersOf(Base)).to.deep.equal({ POST: 'post of Base, named by Base', GET: 'get of Base' });
      });
    }

    it('that is decorated serves with the methods of a base that is not', async () => {
      class PlainBase {
        @OnPost() post() {
          return 'post of a plain base';
        }
      }
      @DragonpayCallback()
      class Sub extends PlainBase {
        @OnGet() get() {
          return 'get of the subclass';
        }
      }
      expect(await answersOf(Sub)).to.deep.equal({ POST: 'post of a plain base', GET: 'get of the subclass' });
      expect(() => testEndpoint(PlainBase)).to.throw(DragonpayError, 'PlainBase is not decorated');
    });

    it('replaces one status of a base method that has several', async () => {
      const called: string[] = [];
      @DragonpayCallback()
      class StatusBase {
        @OnStatus('S', 'F') any({ status }: StoredCallback<'S' | 'F'>) {
          called.push(`base ${status}`);
        }
      }
      class Sub extends StatusBase {
        @OnStatus('S') paid({ status }: StoredCallback<'S'>) {
          called.push(`sub ${status}`);
        }
      }
      const repository = await repositoryWithRows();
      const endpoint = testEndpoint(Sub, { repository });
      for (const status of ['F', 'S']) await dispatchSigned(endpoint, paymentFields({ status }));
      expect(called).to.deep.equal(['base F', 'sub S']);
    });

    it('that replaces its base as a class decorator serves as well', async () => {
      const Extended = <Class extends new (...args: never[]) => object>(Class: Class) =>
        ({ [Class.name]: class extends (Class as unknown as new () => object) {} })[Class.name] as unknown as Class;
      @Extended
      @DragonpayCallback()
      class Below {
        @OnPost() post() {
          return 'below';
        }
      }
      @DragonpayCallback()
      @Extended
      class Above {
        @OnPost() post() {
          return 'above';
        }
      }
      expect((await answersOf(Below)).POST).to.equal('below');
      expect((await answersOf(Above)).POST).to.equal('above');
    });
  });

  describe('beside other decorators', () => {
    type Method = (this: unknown, ...args: never[]) => unknown;

    const WrapsByAssignment: MethodDecorator = (_target, _key, descriptor) => {
      const method = descriptor.value as Method;
      descriptor.value = function (this: unknown, ...args: never[]) {
        return `(${method.apply(this, args)})`;
      } as never;
    };
    const ReplacesDescriptor: MethodDecorator = (_target, _key, descriptor) => {
      const method = descriptor.value as Method;
      return {
        configurable: true,
        value: function (this: unknown, ...args: never[]) {
          return `[${method.apply(this, args)}]`;
        } as never,
      };
    };

    it('calls the method that a wrapper above or below made of it', async () => {
      @DragonpayCallback()
      class Wrapped {
        @WrapsByAssignment
        @OnPost()
        post() {
          return 'wrapped above';
        }
        @OnGet()
        @WrapsByAssignment
        get() {
          return 'wrapped below';
        }
      }
      expect(await answersOf(Wrapped)).to.deep.equal({ POST: '(wrapped above)', GET: '(wrapped below)' });
    });

    it('calls the method of a replaced descriptor', async () => {
      @DragonpayCallback()
      class Replaced {
        @ReplacesDescriptor
        @OnPost()
        post() {
          return 'replaced above';
        }
        @OnGet()
        @ReplacesDescriptor
        get() {
          return 'replaced below';
        }
      }
      expect(await answersOf(Replaced)).to.deep.equal({ POST: '[replaced above]', GET: '[replaced below]' });
    });

    it('calls the method that a getter binds to the instance, above or below', async () => {
      /** A decorator like those called `autobind`. */
      const Bound: MethodDecorator = (target, _key, descriptor) => {
        const method = descriptor.value as Method;
        return {
          configurable: true,
          get(this: unknown) {
            return this === target ? method : method.bind(this as never);
          },
        } as never;
      };
      @DragonpayCallback()
      class BoundHandler {
        readonly name = 'the instance';
        @Bound
        @OnPost()
        post() {
          return `bound above to ${this.name}`;
        }
        @OnGet()
        @Bound
        get() {
          return `bound below to ${this.name}`;
        }
      }
      expect(await answersOf(BoundHandler)).to.deep.equal({
        POST: 'bound above to the instance',
        GET: 'bound below to the instance',
      });
    });
  });

  describe('a class that cannot serve is refused when the endpoint is made, with what is wrong', () => {
    const cases: ReadonlyArray<[what: string, make: () => HandlerClass, message: string]> = [
      [
        'no class decorator',
        () => {
          class Plain {
            @OnPost() post() {}
          }
          return Plain;
        },
        'Plain is not decorated with @DragonpayCallback()',
      ],
      ['no decorator at all', () => class Nothing {}, 'Nothing is not decorated with @DragonpayCallback()'],
      [
        'a static method',
        () => {
          @DragonpayCallback()
          class Statics {
            @OnPost() static settle() {}
          }
          return Statics;
        },
        'Statics decorates the static method settle; handlers must be instance methods',
      ],
      [
        'a property that holds a function',
        () => {
          @DragonpayCallback()
          class Property {
            @OnPost() settle = () => {};
          }
          return Property;
        },
        'Property decorates settle, which is not a method',
      ],
      [
        'a getter of what is no function',
        () => {
          @DragonpayCallback()
          class Getter {
            // @ts-expect-error the types refuse it too
            @OnPost() get settle() {
              return 1;
            }
          }
          return Getter;
        },
        'Getter decorates settle, which is not a method',
      ],
      [
        'two methods for POST',
        () => {
          @DragonpayCallback()
          class TwoPosts {
            @OnPost() first() {}
            @OnPost() second() {}
          }
          return TwoPosts;
        },
        'TwoPosts has two methods for @OnPost: first and second',
      ],
      [
        'two methods for GET, in its base class',
        () => {
          class Base {
            @OnGet() first() {}
            @OnGet() second() {}
          }
          @DragonpayCallback()
          class TwoGets extends Base {}
          return TwoGets;
        },
        'TwoGets has two methods for @OnGet: first and second',
      ],
      [
        'two methods around the way',
        () => {
          @DragonpayCallback()
          class TwoAround {
            @OnDispatch() first(_request: CallbackRequest, next: () => Promise<CallbackReply>) {
              return next();
            }
            @OnDispatch() second(_request: CallbackRequest, next: () => Promise<CallbackReply>) {
              return next();
            }
          }
          return TwoAround;
        },
        'TwoAround has two methods for @OnDispatch: first and second',
      ],
      [
        'two methods for one status of payments',
        () => {
          @DragonpayCallback()
          class TwoForS {
            @OnStatus('S') first() {}
            @OnStatus('F', 'S') second() {}
          }
          return TwoForS;
        },
        'TwoForS has two methods for @OnStatus of payments in S: first and second',
      ],
      [
        'two methods for one status of payouts',
        () => {
          @DragonpayCallback()
          class TwoForG {
            @OnStatus('G', { kind: 'payout' }) first() {}
            @OnStatus('G', { kind: 'payout' }) second() {}
          }
          return TwoForG;
        },
        'TwoForG has two methods for @OnStatus of payouts in G: first and second',
      ],
      [
        'two methods for POST that are named by symbols',
        () => {
          @DragonpayCallback()
          class TwoSymbols {
            @OnPost() [Symbol('one')]() {}
            @OnPost() [Symbol('two')]() {}
          }
          return TwoSymbols;
        },
        'TwoSymbols has two methods for @OnPost: Symbol(one) and Symbol(two)',
      ],
      [
        '@OnStatus without a status',
        () => {
          @DragonpayCallback()
          class NoStatus {
            // @ts-expect-error the types refuse it too
            @OnStatus() reach() {}
          }
          return NoStatus;
        },
        'NoStatus names no status in @OnStatus of reach',
      ],
      [
        '@OnStatus with options only',
        () => {
          @DragonpayCallback()
          class NoPayoutStatus {
            // @ts-expect-error the types refuse it too
            @OnStatus({ kind: 'payout' }) reach() {}
          }
          return NoPayoutStatus;
        },
        'NoPayoutStatus names no status in @OnStatus of reach',
      ],
      ...(['X', 's', 'G', 'SF', '', 'toString', '__proto__'] as const).map(
        (letter): [string, () => HandlerClass, string] => [
          `@OnStatus('${letter}')`,
          () => {
            @DragonpayCallback()
            class WrongLetter {
              @OnStatus(letter as 'S') reach() {}
            }
            return WrongLetter;
          },
          'WrongLetter names an unknown payment status in @OnStatus of reach',
        ],
      ),
      [
        "@OnStatus('R', { kind: 'payout' })",
        () => {
          @DragonpayCallback()
          class WrongPayoutLetter {
            @OnStatus('R' as 'S', { kind: 'payout' }) reach() {}
          }
          return WrongPayoutLetter;
        },
        'WrongPayoutLetter names an unknown payout status in @OnStatus of reach',
      ],
      [
        'a method that a subclass replaced by something else',
        () => {
          @DragonpayCallback()
          class Base {
            @OnPost() post() {}
          }
          class Overwritten extends Base {}
          Object.defineProperty(Overwritten.prototype, 'post', { value: 'no function' });
          return Overwritten;
        },
        'Overwritten decorates post, which is not a method',
      ],
      [
        'a private method, as the standard decorators see it',
        () => {
          @DragonpayCallback()
          class Private {}
          const context = { kind: 'method', name: '#settle', static: false, private: true, metadata: {} };
          addMethod({ role: 'post' }, () => {}, context as unknown as ClassMethodDecoratorContext);
          Object.defineProperty(Private, (Symbol as unknown as { metadata: symbol }).metadata, {
            value: context.metadata,
          });
          return Private;
        },
        'Private decorates the private method #settle, which cannot be called',
      ],
      [
        'an instance',
        () => new (class {})() as unknown as HandlerClass,
        'a handler must be a class, not an instance: pass the class itself',
      ],
      ['nothing', () => undefined as unknown as HandlerClass, 'a handler must be a class'],
      ['an arrow function', () => (() => {}) as unknown as HandlerClass, 'a handler must be a class'],
      ['a method', () => ({ handle() {} }).handle as unknown as HandlerClass, 'a handler must be a class'],
    ];

    for (const [what, make, message] of cases) {
      it(what, () => {
        let error: unknown;
        try {
          testEndpoint(make());
        } catch (thrown) {
          error = thrown;
        }
        expect(error).to.be.instanceOf(DragonpayError);
        const { code, message: said } = error as DragonpayError;
        expect({ code, said }).to.deep.equal({ code: 'invalid-handler-class', said: message });
      });
    }

    it('an old proposal of decorators, which Next.js follows without experimentalDecorators', () => {
      // Next.js passes this description in place of the class. A real build of Next.js is in
      // test/adapters/fetch-hosts.long.test.ts.
      const description = { kind: 'class', elements: [] } as unknown as HandlerClass;
      expect(() => DragonpayCallback()(description))
        .to.throw(DragonpayError, 'set experimentalDecorators to true in tsconfig.json')
        .with.property('code', 'invalid-handler-class');
    });

    it('a constructor that throws, where no resolver makes the instances', () => {
      @DragonpayCallback()
      class Throwing {
        constructor() {
          throw new Error('no services');
        }
        @OnPost() post() {}
      }
      expect(() => testEndpoint(Throwing))
        .to.throw(DragonpayError, 'Throwing cannot be constructed without a resolver')
        .with.nested.property('cause.message', 'no services');
      expect(() => testEndpoint(Throwing, { resolver: { get: () => ({}) } })).not.to.throw();
    });
  });
});
