import type { Reply } from '../http-call.js';
import { type ExitCode, exitCodes } from '../report.js';

/** The meaning of a reply to a callback. */
export interface Judgement {
  readonly verdict: 'accepted' | 'answered' | 'unexpected answer' | 'refused' | 'possibly not stored' | 'not delivered';
  readonly exitCode: ExitCode;
  readonly why: string;
}

/** Judges the reply to a callback as Dragonpay's server would. `row`: the row that the callback is about, in words. */
export function judgeReply(reply: Reply, method: 'POST' | 'GET', row: string): Judgement {
  if (!reply.answered && !reply.delivered) {
    return { verdict: 'not delivered', exitCode: exitCodes.unknown, why: 'no connection; nothing was sent' };
  }
  if (!reply.answered || reply.status >= 500) {
    return {
      verdict: 'possibly not stored',
      exitCode: exitCodes.unknown,
      why: 'the reply does not say whether it was stored; sending it again is safe',
    };
  }
  const { status, body } = reply;
  if (status >= 300) {
    const why = status < 400 ? 'a redirect, which the handler never sends' : 'nothing was stored';
    return { verdict: 'refused', exitCode: exitCodes.no, why };
  }
  if (body.trim() === 'result=OK') {
    return {
      verdict: 'accepted',
      exitCode: exitCodes.yes,
      why: `the callback is verified and recorded. The reply is the same if there is no ${row}: check the row`,
    };
  }
  if (method === 'GET') {
    return {
      verdict: 'answered',
      exitCode: exitCodes.yes,
      why: 'a page for the payer, which does not say what was stored',
    };
  }
  return {
    verdict: 'unexpected answer',
    exitCode: exitCodes.no,
    why: 'Dragonpay expects the text result=OK: check whether the handler sent this reply',
  };
}
