import type { ShopSettings } from './shop-settings.js';

/** The shell command that sends a callback to a shop with these settings. */
export function demoCommand(settings: ShopSettings, flags: readonly string[]): string {
  const { host, port, dataFolder, isDefaultFolder } = settings;
  const variables = [
    host === '127.0.0.1' ? [] : [`HOST=${shellQuote(host)}`],
    port === 3000 ? [] : [`PORT=${port}`],
    isDefaultFolder ? [] : [`SHOP_DATA=${shellQuote(dataFolder)}`],
  ].flat();
  return [...variables, 'npm run demo:callback --', ...flags.map(shellQuote)].join(' ');
}

/** Text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return /^[\w@+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
