import { InvalidArgumentError } from 'commander';
import { CommandFailure } from './command-failure.js';

/** Takes the address of a handler or a gateway. @throws InvalidArgumentError, CommandFailure */
export function asUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new InvalidArgumentError('It is no http(s) URL.');
  // Commander would print the value.
  if (url.username !== '' || url.password !== '') throw new CommandFailure('the URL holds a user name or password');
  url.hash = '';
  return url.href;
}
