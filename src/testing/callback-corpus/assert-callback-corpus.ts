import { AssertionError } from 'node:assert';
import type { CallbackEndpoint } from '../../model/callback-request.js';
import { type AdapterServer, allow, headersOf, privacy } from '../adapter-conformance/adapter-harness.js';
import type { RawReply } from '../adapter-conformance/raw-http.js';
import { checkFunction } from '../conformance-case.js';
import type { ConformingRepository } from '../repository-conformance/repository-harness.js';
import {
  type CorpusCase,
  type CorpusDifference,
  type CorpusVerdict,
  callbackCorpus,
  type LeftOfBody,
} from './callback-corpus.js';
import { CorpusPlayer, type CorpusResult } from './corpus-player.js';

/** Options of {@link assertCallbackCorpus}. */
export interface CorpusOptions {
  /** The form in which code in front leaves a body that it has read. Default: no code reads it. */
  readonly leaves?: LeftOfBody;
  /** Stores the rows. It must not have rows of an earlier run. Default: a `MemoryRepository` for each case. */
  readonly repository?: ConformingRepository;
  /** Other verdicts of this server, by the names of the cases, each with the reason. */
  readonly differences?: Readonly<Record<string, CorpusDifference>>;
}

/**
 * Sends every request of {@link callbackCorpus} to a server and compares the verdict, the reply and the row.
 * @param serve starts a server on a free port, with the endpoint at `/dragonpay/callback` for every method
 * @throws AssertionError that lists every case with another result
 *
 * @example
 * it('my adapter says what every adapter says', () => assertCallbackCorpus(serve));
 */
export async function assertCallbackCorpus(
  serve: (endpoint: CallbackEndpoint) => AdapterServer | Promise<AdapterServer>,
  { leaves, differences = {}, repository }: CorpusOptions = {},
): Promise<void> {
  checkFunction('serve', serve);
  const unknown = Object.keys(differences).filter((name) => !callbackCorpus.some((one) => one.name === name));
  if (unknown.length > 0) throw new Error(`differences names unknown cases: ${unknown.join('; ')}`);
  const problems: string[] = [];
  const player = new CorpusPlayer(repository);
  await player.start(serve);
  try {
    for (const [index, one] of callbackCorpus.entries()) {
      const behind = leaves && (one.behind?.[leaves] ?? one.behind?.any);
      const isOfHost = one.method === 'TRACE' && player.limits.includes('trace');
      const others = [differences[one.name] ?? behind ?? (isOfHost ? trace : [])].flat();
      if (!others.some(({ isLeftOut }) => isLeftOut))
        problems.push(...(await problemsOf(player, one, `C-${index}`, others)));
    }
  } finally {
    await player.close();
  }
  if (problems.length > 0) {
    const message = `${problems.length} cases have another result:\n${problems.map((one) => `- ${one}`).join('\n')}`;
    throw new AssertionError({ message, actual: problems, expected: [] });
  }
}

/** TRACE is left out if the host answers it itself. */
const trace: CorpusDifference = {
  verdict: 'not-reached',
  reply: 'refused',
  mayAlso: true,
  because: 'The host answers TRACE itself.',
};

async function problemsOf(
  player: CorpusPlayer,
  one: CorpusCase,
  id: string,
  differences: readonly CorpusDifference[],
): Promise<string[]> {
  const isUsual = differences.length === 0 || differences.some(({ mayAlso }) => mayAlso);
  const expected = [...differences.map((difference) => differing(one, difference)), ...(isUsual ? [one] : [])];
  try {
    const isRefused = expected.every(({ verdict }) => verdict === 'not-reached');
    const result = await player.play(one, id, isRefused ? 'refused' : [one.reply].flat().length);
    const problems = expected.map((verdict) => differencesOf(result, verdict, one));
    if (problems.some(({ length }) => length === 0)) return [];
    return (problems[0] ?? []).map((problem) => `${one.name}: ${problem}`);
  } catch (error) {
    return [`${one.name}: ${(error as Error).message}`];
  }
}

/** Applies a difference to a case. If the verdict differs, the fields that the handler must read do not apply. */
function differing(one: CorpusCase, difference: CorpusDifference): CorpusVerdict {
  const { read, ...usual } = one;
  return { ...usual, ...(difference.verdict === undefined && read && { read }), ...difference };
}

function differencesOf(result: CorpusResult, expected: CorpusVerdict, { method }: CorpusCase): string[] {
  const problems: string[] = [];
  const compare = (what: string, actual: unknown, wanted: unknown) => {
    const [is, must] = [JSON.stringify(actual), JSON.stringify(wanted)];
    if (is !== must) problems.push(`${what} is ${is}, must be ${must}`);
  };
  const verdicts = [expected.verdict].flat();
  // A server may notice in the middle of a body that it must refuse the request.
  const isCut = verdicts[0] === 'not-reached' && result.verdicts[0] === 'body-aborted';
  if (!isCut) compare('verdict', [...result.verdicts].sort(), verdicts.sort());
  for (const [index, wanted] of [expected.reply].flat().entries()) {
    const reply = result.replies[index];
    const status = typeof reply === 'object' ? reply.status : reply;
    if (wanted === 'refused') {
      if (status !== undefined && status < 400) compare('status', status, wanted);
    } else if (typeof reply === 'object') {
      compare('reply', `${reply.status} ${reply.body}`.trimEnd(), wanted);
      if (problems.length === 0) compare('headers', sorted(headers(reply, method)), sorted(headersFor(wanted, method)));
    }
  }
  compare('row', result.row, expected.row);
  compare('events in the inbox', result.events, verdicts.some((one) => stored.has(one)) ? 1 : 0);
  for (const [name, value] of Object.entries(expected.read ?? {})) compare(name, result.read[name] ?? null, value);
  for (const { message = '' } of result.isSeen ? result.kept : [])
    compare('replayed message', message, result.read.message);
  return problems;
}

/** The outcomes for which the inbox records an event. */
const stored = new Set(['applied', 'duplicate', 'stale', 'mismatch', 'not-found', 'unrecognized']);

/** Not every server writes a length in its reply to HEAD. */
function headers({ headers }: RawReply, method: string | undefined): RawReply['headers'] {
  const { 'content-length': length = '', ...others } = headers;
  return method === 'HEAD' ? others : { ...others, ...(length !== '' && { 'content-length': length }) };
}

function headersFor(reply: string, method: string | undefined): RawReply['headers'] {
  const [, status = '', body = ''] = /^(\d+) ?(.*)$/s.exec(reply) ?? [];
  if (status === '204') return { ...privacy, ...allow };
  const { 'content-length': length = '', ...others } = headersOf('text/plain; charset=utf-8', body);
  return {
    ...others,
    ...(method !== 'HEAD' && { 'content-length': length }),
    ...(status === '405' && allow),
    ...(status === '503' && { 'retry-after': '30' }),
  };
}

function sorted(headers: RawReply['headers']): unknown {
  return Object.entries(headers).sort(([one], [other]) => (one < other ? -1 : 1));
}
