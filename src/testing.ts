/** For tests: signed callbacks, and the suites that say whether a repository or an adapter of one's own is right. */
export {
  type CallbackFields,
  encodeCallback,
  type SigningKeys,
  type SignOptions,
  signCallback,
} from './testing/sign-callback.js';
