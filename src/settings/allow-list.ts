import type { BlockList } from 'node:net';

/** Loaded only if `allowFrom` is set, because some hosts do not have this module. */
const net = () => process.getBuiltinModule('node:net');

/** Whether a text is an IP address or a CIDR block. */
export function isAddressOrBlock(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const [network = '', prefix, ...rest] = text.split('/');
  const version = net().isIP(network);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** Makes the list of `allowFrom`. Each text must be an address or a block. */
export function toAllowList(addresses: readonly string[]): BlockList {
  const list = new (net().BlockList)();
  for (const address of addresses) {
    const [network = '', prefix] = address.split('/');
    const family = net().isIP(network) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

/**
 * Returns why a sender may not POST, for the log. `undefined`: the sender may. Reads addresses in the forms that
 * proxies write: with a port (`203.0.113.5:41234`, `[2001:db8::1]:443`), with spaces around it, or an IPv4 address as
 * an IPv6 socket shows it (`::ffff:203.0.113.5`).
 */
export function refusalOf(list: BlockList, sender: unknown): string | undefined {
  const address = typeof sender === 'string' ? readAddress(sender) : undefined;
  if (address === undefined) {
    return 'the address of the sender is not known as one IP address: check the setting clientAddress and the proxy';
  }
  const isAllowed = list.check(address, net().isIP(address) === 4 ? 'ipv4' : 'ipv6');
  return isAllowed ? undefined : `${address} is not in allowFrom`;
}

function readAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const [, inBrackets, beforePort] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(trimmed) ?? [];
  const address = (inBrackets ?? beforePort ?? trimmed).replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return net().isIP(address) === 0 ? undefined : address;
}
