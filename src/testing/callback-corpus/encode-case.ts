import { createHash, createHmac, sign } from 'node:crypto';
import { type CorpusCase, corpusParts } from './callback-corpus.js';
import { corpusKeys, corpusSecrets } from './corpus-setups.js';

/** The path of the endpoint of a server under test. */
const path = '/dragonpay/callback';

/** The bytes of a case, about the payment or the payout `id`. */
export function encodeCase(one: CorpusCase, id: string): Buffer {
  const filled = (text: string) => fill(text, one, id);
  const { method = 'POST', query = '', headers = ['Content-Type: application/x-www-form-urlencoded'], body } = one;
  if (one.bytes !== undefined) {
    return Buffer.from(one.bytes.map((text) => withLength(filled(text))).join(''), 'latin1');
  }
  const lines = [`${method} ${path}${filled(query)} HTTP/1.1`, 'Host: shop.example', ...headers.map(filled)];
  let content = '';
  if (typeof body === 'string') {
    content = filled(body);
    const hasLength = headers.some((line) => /^(?:content-length|transfer-encoding):/i.test(line));
    if (!hasLength) lines.push(`Content-Length: ${content.length}`);
  } else if (body !== undefined) {
    lines.push('Transfer-Encoding: chunked');
    content = [...body.map(filled), ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${content}`, 'latin1');
}

/** Replaces `{{length}}` by the length of the bytes after the head. */
function withLength(request: string): string {
  const [, ...body] = request.split('\r\n\r\n');
  return request.replace('{{length}}', `${body.join('\r\n\r\n').length}`);
}

const placeholder = /\{\{(\w+)(?: ([^{}]+))?\}\}/g;

/** Replaces the placeholders of a text, except `{{length}}`. */
function fill(text: string, one: CorpusCase, id: string): string {
  const withParts = text.replace(placeholder, (whole, name: string) => corpusParts[name] ?? whole);
  const replaced = withParts.replace(placeholder, (whole, name: string, words = '') => {
    switch (name) {
      case 'id':
        return id;
      case 'times': {
        const [, count, repeated = ''] = /^(\d+) (.*)$/s.exec(words) ?? [];
        return repeated.repeat(Number(count));
      }
      case 'digest':
      case 'signature':
      case 'signatures':
        return proofOf(name, words.split(' '), one, id);
      default:
        return whole;
    }
  });
  return replaced.replace(/\{\{fill (\d+)\}\}/, (whole, length: string) =>
    'x'.repeat(Number(length) - (replaced.length - whole.length)),
  );
}

type ProofName = 'digest' | 'signature' | 'signatures';

/** A proof over the text that the case signs, spelled and escaped as the words of its placeholder say. */
function proofOf(name: ProofName, words: readonly string[], one: CorpusCase, id: string): string {
  const { signed = '{{id}}:R-1:S:Paid' } = one;
  const template = typeof signed === 'string' ? signed : (signed[name] ?? '');
  const bytes = changed(made(name, template.replace('{{id}}', id), words.includes('another')), words);
  const spelled = spell(bytes, words, name);
  if (words.includes('unescaped')) return spelled;
  return words.includes('twice') ? escaped(escaped(spelled)) : escaped(spelled);
}

function made(name: ProofName, text: string, byAnother: boolean): Buffer {
  const who = byAnother ? 'another' : 'merchant';
  switch (name) {
    case 'digest':
      return createHash('sha1').update(`${text}:${corpusSecrets[who].sha1}`).digest();
    case 'signature':
      return createHmac('sha256', corpusSecrets[who].hmac).update(text).digest();
    case 'signatures':
      return sign('sha256', Buffer.from(text), corpusKeys()[who].privateKey);
  }
}

function changed(proof: Buffer, words: readonly string[]): Buffer {
  if (words.includes('short')) return proof.subarray(0, -1);
  if (words.includes('long')) return Buffer.concat([proof, Buffer.of(0)]);
  if (words.includes('flipped')) return Buffer.concat([proof.subarray(0, -1), Buffer.of((proof.at(-1) ?? 0) ^ 1)]);
  return proof;
}

function spell(proof: Buffer, words: readonly string[], name: ProofName): string {
  const isBase64 = name === 'signatures' ? !words.includes('hex') : words.includes('base64');
  if (words.includes('base64url')) return proof.toString('base64url');
  const text = isBase64 ? proof.toString('base64') : proof.toString('hex');
  const cased = words.includes('upper') || (name === 'signature' && !isBase64) ? text.toUpperCase() : text;
  const padded = words.includes('unpadded') ? text.replaceAll('=', '') : isBase64 ? text : cased;
  return words.includes('lines') ? padded.replace(/.{1,16}/g, '$&\r\n') : padded;
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
}
