import { createRequire, register } from 'node:module';

/** The packages of one version of NestJS, and the adapter that was loaded with them. */
export interface Nest {
  readonly common: typeof import('@nestjs/common');
  readonly core: typeof import('@nestjs/core');
  readonly express: typeof import('@nestjs/platform-express');
  readonly fastify: typeof import('@nestjs/platform-fastify');
  readonly testing: typeof import('@nestjs/testing');
  readonly adapter: typeof import('../../adapters/containers/nestjs.js');
}

async function loadNest12(): Promise<Nest> {
  return {
    common: await import('@nestjs/common'),
    core: await import('@nestjs/core'),
    express: await import('@nestjs/platform-express'),
    fastify: await import('@nestjs/platform-fastify'),
    testing: await import('@nestjs/testing'),
    adapter: await import('../../adapters/containers/nestjs.js'),
  };
}

/** Loads the packages of `test/fixtures/nest11`, and a second copy of the adapter, which imports these packages. */
async function loadNest11(): Promise<Nest> {
  const folder = new URL('../fixtures/nest11/package.json', import.meta.url);
  const hooks = `
    export function resolve(specifier, context, next) {
      const isCopy = specifier.startsWith('@nestjs/') && context.parentURL?.endsWith('?nest11');
      return next(specifier, isCopy ? { ...context, parentURL: ${JSON.stringify(folder.href)} } : context);
    }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
  const require = createRequire(folder);
  return {
    common: require('@nestjs/common'),
    core: require('@nestjs/core'),
    express: require('@nestjs/platform-express'),
    fastify: require('@nestjs/platform-fastify'),
    testing: require('@nestjs/testing'),
    adapter: await import(`${new URL('../../adapters/containers/nestjs.js', import.meta.url)}?nest11`),
  };
}

/** Loads something on the first call only. */
function once<Value>(load: () => Promise<Value>): () => Promise<Value> {
  let loaded: Promise<Value> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/** The supported versions. */
export const nestVersions = { 'NestJS 12': once(loadNest12), 'NestJS 11': once(loadNest11) } as const;

/** The HTTP servers that Nest runs on. */
export const nestPlatforms = ['Express', 'Fastify'] as const;

export type NestPlatform = (typeof nestPlatforms)[number];

/** Makes the adapter of a platform. */
export function platformOf({ express, fastify }: Nest, platform: NestPlatform) {
  return platform === 'Express' ? new express.ExpressAdapter() : new fastify.FastifyAdapter();
}
