import { BlockList, isIP } from 'node:net';

/** Whether a text is an IP address or a CIDR block. */
export function isAddressOrBlock(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const [network = '', prefix, ...rest] = text.split('/');
  const version = isIP(network);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** Makes the list of `allowFrom`. Each text must be an address or a block. */
export function toAllowList(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) {
    const [network = '', prefix] = address.split('/');
    const family = isIP(network) === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

/** Whether a list holds an address. An IPv4 address from an IPv6 socket (`::ffff:192.0.2.1`) counts as IPv4. */
export function holdsAddress(list: BlockList, address: string | undefined): boolean {
  const plain = address?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '') ?? '';
  const version = isIP(plain);
  return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}
