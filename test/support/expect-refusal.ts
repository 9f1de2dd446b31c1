import { expect } from 'chai';
import { DragonpayError } from '../../src/index.js';

/** A secret for settings. {@link expectRefusal} checks that no error shows it. */
export const secret = 'sw0rdfish';

/** Expects a DragonpayError `invalid-setting` about this subject, which shows no {@link secret}. */
export function expectRefusal(run: () => unknown, subject: string, problem: RegExp): DragonpayError {
  const error = thrownBy(run);
  expect(DragonpayError.is(error), String(error)).to.equal(true);
  const { code, message, stack, cause, subject: actual } = error as DragonpayError;
  expect({ code, subject: actual }).to.deep.equal({ code: 'invalid-setting', subject });
  expect(message).to.match(problem);
  expect(message.startsWith(subject), message).to.equal(true);
  const shown = [message, stack, String(cause), JSON.stringify(error), JSON.stringify(cause), String(error)].join('\n');
  expect(shown).to.not.include(secret);
  return error as DragonpayError;
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
