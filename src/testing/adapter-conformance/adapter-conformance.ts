import type { CallbackEndpoint } from '../../model/callback-request.js';
import { type ConformanceCase, checkFunction } from '../conformance-case.js';
import type { AdapterServer, AdapterSetup } from './adapter-harness.js';
import { AdapterHarness, everywhere } from './adapter-harness.js';
import { bodyCases } from './body-cases.js';
import { exchangeCases } from './exchange-cases.js';
import { fieldCases } from './field-cases.js';

/** Options of {@link adapterConformance}. */
export interface AdapterConformanceOptions {
  /** The setups that the adapter supports. Default: all. */
  readonly setups?: readonly AdapterSetup[];
}

/**
 * The conformance suite for adapters. Any test runner can run its cases. Each case starts a server and exchanges raw
 * bytes with it.
 * @param serve starts a server on a free port, with the endpoint at `/dragonpay/callback` for every method. It
 *   may add the headers `Date`, `Server`, `X-Powered-By` and `Vary` to replies, and no others.
 *
 * @example
 * for (const { name, run } of adapterConformance(serve, { setups: ['plain', 'consumed'] })) it(name, run);
 */
export function adapterConformance(
  serve: (endpoint: CallbackEndpoint, setup: AdapterSetup) => AdapterServer | Promise<AdapterServer>,
  { setups = everywhere }: AdapterConformanceOptions = {},
): ConformanceCase[] {
  checkFunction('serve', serve);
  return setups.flatMap((setup) =>
    [...exchangeCases, ...bodyCases, ...fieldCases]
      .filter((one) => one.setups.includes(setup))
      .map(({ name, check }) => ({
        name: `${setup}: ${name}`,
        run: async () => {
          const bench = new AdapterHarness((endpoint) => serve(endpoint, setup));
          try {
            await check(bench, setup);
          } finally {
            await bench.close();
          }
        },
      })),
  );
}
