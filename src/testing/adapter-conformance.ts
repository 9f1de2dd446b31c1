import type { CallbackEndpoint } from '../callback-request.js';
import { AdapterBench, everywhere } from './adapter-cases/adapter-bench.js';
import { bodyCases } from './adapter-cases/body-cases.js';
import { exchangeCases } from './adapter-cases/exchange-cases.js';
import { fieldCases } from './adapter-cases/field-cases.js';
import type { ConformanceCase } from './repository-conformance.js';

/**
 * What stands in front of the endpoint:
 * - `plain`: nothing.
 * - `form-parser`: the framework's usual parser of forms ran, and left its result where it usually leaves it.
 * - `json-parser`: a parser ran that passed over the form, so that the stream is still to be read.
 * - `consumed`: something read the stream to its end and left nothing.
 * - `mounted`: a router that cuts `/dragonpay` off the URL.
 */
export type AdapterSetup = 'plain' | 'form-parser' | 'json-parser' | 'consumed' | 'mounted';

/** A server that {@link adapterConformance} asked for. */
export interface AdapterServer {
  /** Where the server listens, such as `http://127.0.0.1:41234`. */
  readonly url: string;
  /** Ends the server with all of its connections. */
  close(): unknown;
}

/** Options of {@link adapterConformance}. */
export interface AdapterConformanceOptions {
  /** The setups that make sense for this adapter: all when not given. */
  readonly setups?: readonly AdapterSetup[];
}

/**
 * The suite that says whether an adapter of one's own is right, in cases that any runner takes. Every case starts a
 * server, and speaks HTTP with it byte by byte.
 * @param serve starts a server with the endpoint at `/dragonpay/callback`, for every method, on a free port. It adds
 * no headers of its own to replies.
 *
 * @example
 * for (const { name, run } of adapterConformance(serve, { setups: ['plain', 'consumed'] })) it(name, run);
 */
export function adapterConformance(
  serve: (endpoint: CallbackEndpoint, setup: AdapterSetup) => AdapterServer | Promise<AdapterServer>,
  { setups = everywhere }: AdapterConformanceOptions = {},
): ConformanceCase[] {
  return setups.flatMap((setup) =>
    [...exchangeCases, ...bodyCases, ...fieldCases]
      .filter((one) => one.setups.includes(setup))
      .map(({ name, check }) => ({
        name: `${setup}: ${name}`,
        run: async () => {
          const bench = new AdapterBench((endpoint) => serve(endpoint, setup));
          try {
            await check(bench, setup);
          } finally {
            await bench.close();
          }
        },
      })),
  );
}
