import { InvalidArgumentError } from 'commander';

/** Takes the address of a handler. @throws InvalidArgumentError */
export function asUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new InvalidArgumentError('It is no http(s) URL.');
  if (url.username !== '' || url.password !== '') throw new InvalidArgumentError('It holds a user name or password.');
  url.hash = '';
  return url.href;
}
