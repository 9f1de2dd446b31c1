import { escapeForLog } from './tell.js';

/** An error as text that cannot forge a log line. */
export interface DescribedError {
  /** One line. */
  readonly message: string;
  /** The frames of the stack and the causes, each on a line of its own after a line break. Empty without a stack. */
  readonly stack: string;
}

const mostFrames = 10;
const mostCauses = 3;

/** Describes anything that can be thrown. Never throws, also if the value does when it is looked at. */
export function describeError(error: unknown): DescribedError {
  try {
    return { message: messageOf(error), stack: stackOf(error, mostCauses) };
  } catch {
    return { message: 'an error that cannot be shown', stack: '' };
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return escapeForLog(String(error));
  // If a connection failed at several addresses, Node leaves the message empty, and the reason is in the code.
  return escapeForLog(error.message || String((error as { code?: unknown }).code ?? error.name));
}

function stackOf(error: unknown, causesLeft: number): string {
  if (!(error instanceof Error)) return '';
  const frames = framesOf(error).map((frame) => `\n    ${escapeForLog(frame.trim())}`);
  const { cause } = error;
  if (cause === undefined || causesLeft === 0) return frames.join('');
  return `${frames.join('')}\n  caused by: ${messageOf(cause)}${stackOf(cause, causesLeft - 1)}`;
}

/** The lines of the stack after the message, which may hold lines that look like frames. */
function framesOf({ message, stack }: Error): string[] {
  const text = String(stack ?? '');
  const head = text.indexOf(message);
  const tail = head < 0 ? text : text.slice(head + message.length);
  return tail
    .split('\n')
    .filter((line) => line.trim().startsWith('at '))
    .slice(0, mostFrames);
}
