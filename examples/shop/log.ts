import type { Hooks, StoredEvent } from 'dragonpay-callback';

/** Logs one line for each callback that was stored or refused, each failed handler and each GET. */
export const logCallbacks: Hooks = {
  stored: (event) => {
    console.log(`callback ${event.kind} ${event.id} ${event.status} -> ${event.update.outcome}${detailsOf(event)}`);
  },
  rejected: ({ method, status, code, field, id, message }) => {
    const subject = [field, id && `of ${id}`].filter(Boolean).join(' ');
    console.log(`callback refused ${status} ${code}${subject && ` ${subject}`} (${method}): ${message}`);
  },
  handlerFailed: ({ handler, code, error }) => {
    console.error(`callback handler ${handler}: ${code}: ${oneLine(error)}`);
  },
  replied: ({ method, status }) => {
    if (method !== 'POST' && status < 400) console.log(`callback ${method} answered ${status}`);
  },
};

function detailsOf({ update, error }: StoredEvent): string {
  switch (update.outcome) {
    case 'applied':
      return ` (${update.previous} to ${update.current}${update.late ? ', late' : ''})`;
    case 'mismatch':
      return ` (${update.differs.join(', ')} differs; stays ${update.current})`;
    case 'duplicate':
    case 'stale':
      return ` (stays ${update.current})`;
    case 'unstored':
      return `: ${oneLine(error)}`;
    default:
      return '';
  }
}

/** The message of an error in one line. If several addresses failed, the first error has the message. */
export function oneLine(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return oneLine(error.errors[0]);
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.replace(/\s+/g, ' ').trim();
}
