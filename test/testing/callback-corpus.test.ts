import { expect } from 'chai';
import { toNodeListener } from '../../adapters/http/node.js';
import { explainCallback } from '../../src/cli/verify/explain-callback.js';
import { failures } from '../../src/errors.js';
import type { CallbackEndpoint } from '../../src/index.js';
import { resolveSettings } from '../../src/settings/resolve-settings.js';
import { settingsOf } from '../../src/testing/callback-corpus/corpus-setups.js';
import { encodeCase } from '../../src/testing/callback-corpus/encode-case.js';
import { assertCallbackCorpus, callbackCorpus } from '../../src/testing.js';
import { rejection } from '../support/rejection.js';
import { adapterServers, doorsOf, listen, serveNode } from '../support/servers.js';

/**
 * One server for each form in which a body parser may leave a body. `callback-corpus.long.test.ts` tests all servers.
 */
const doors = ['node:http', 'Express 5 behind express.urlencoded, extended', 'Koa 3 behind koa-bodyparser'];

describe('The corpus of callbacks', () => {
  it('has at least 400 cases, each with its own name and a sentence', () => {
    expect(callbackCorpus.length).to.be.at.least(400);
    expect(new Set(callbackCorpus.map(({ name }) => name)).size).to.equal(callbackCorpus.length);
    for (const { name, says } of callbackCorpus) {
      expect(name).to.match(/^[\w -]+: .+/);
      expect(says, name).to.match(/^.{10,}[.]$/);
    }
  });

  it('has no two cases of the same bytes and settings', () => {
    const known = new Map<string, string>();
    for (const one of callbackCorpus) {
      const { setup = 'sha1', before = {}, then } = one;
      const bytes = `${setup} ${JSON.stringify(before)} ${then} ${encodeCase(one, 'C-1').toString('latin1')}`;
      expect(known.get(bytes), one.name).to.equal(undefined);
      known.set(bytes, one.name);
    }
  });

  it('has no placeholder that is not replaced', () => {
    for (const one of callbackCorpus) {
      expect(encodeCase(one, 'C-1').toString('latin1'), one.name).not.to.match(/\{\{|\}\}/);
    }
  });

  for (const { name, serve, options } of adapterServers.flatMap(doorsOf).filter(({ name }) => doors.includes(name))) {
    it(`says the same at ${name}`, () => assertCallbackCorpus(serve, options));
  }

  it('says the same in explainCallback, which the command verify prints', async () => {
    const resolved = new Map<string, ReturnType<typeof resolveSettings>>();
    let count = 0;
    for (const one of callbackCorpus) {
      const { setup = 'sha1', method = 'POST', body = '', query = '', headers, bytes, verdict, row } = one;
      const [, form = ''] = /\r\n\r\n(.*)$/s.exec(encodeCase(one, 'C-1').toString('latin1')) ?? [];
      const isForm = bytes === undefined && headers === undefined && typeof body === 'string' && form !== '';
      if (!isForm || method !== 'POST' || query !== '' || setup === 'strangers' || /[^\0-\x7f]/.test(form)) continue;
      const settings =
        resolved.get(setup) ?? resolveSettings({ ...settingsOf(setup).settings, hooks: { keysFailed() {} } });
      resolved.set(setup, settings);
      const { outcome, issues } = await explainCallback({ form, method: 'POST' }, settings);
      const isValid = !Object.hasOwn(failures, verdict as string) || (verdict === 'not-found' && row !== undefined);
      expect(outcome === 'invalid' ? issues[0]?.code : outcome, one.name).to.equal(isValid ? 'valid' : verdict);
      count++;
    }
    expect(count).to.be.above(350);
  });

  it('lists what an adapter does otherwise', async () => {
    const serve = (endpoint: CallbackEndpoint) => {
      const listener = toNodeListener({
        dispatch: (request) =>
          endpoint.dispatch({ ...request, method: request.method === 'HEAD' ? 'GET' : request.method }),
      });
      return listen((request, response) => void listener(request, response));
    };
    const { message } = (await rejection(assertCallbackCorpus(serve))) as Error;
    expect(message).to.include('methods: HEAD that may store: verdict is ["applied"], must be ["answered"]');
    expect(message).to.include('methods: HEAD that may store: row is "S", must be "P"');
    expect(message).not.to.include('escapes: ');
  });

  it('refuses a difference for an unknown case', async () => {
    const differences = { 'no: such case': { because: 'of a typo' } };
    const { message } = (await rejection(
      assertCallbackCorpus((endpoint) => serveNode(endpoint, 'plain'), { differences }),
    )) as Error;
    expect(message).to.equal('differences names unknown cases: no: such case');
  });
});
