import { createRequire } from 'node:module';

/**
 * yup says what is wrong with fields and settings. It is loaded only then: to read it takes longer than to read the rest
 * of the package. The build replaces this file: the published package holds yup, so that bundlers find it, too.
 */
export function loadYup(): typeof import('yup') {
  return createRequire(import.meta.url)('yup');
}
