/** Dragonpay's addresses. Source: the merchant API of the test and the production gateway. */
const gateways = {
  test: 'https://test.dragonpay.ph',
  production: 'https://gw.dragonpay.ph',
} as const;

/** The test gateway, the production gateway, or another one by its address, such as a sandbox or a proxy. */
export type Environment = 'test' | 'production' | { readonly gateway: string };

/** The address of a gateway, without a trailing slash. */
export function gatewayAddress(environment: Environment): string {
  const address = typeof environment === 'string' ? gateways[environment] : environment.gateway;
  return address.replace(/\/+$/, '');
}

/** Whether an address may be called with credentials: https, or http on the loopback interface. */
export function isSafeGateway(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  if (username !== '' || password !== '') return false;
  if (protocol === 'https:') return true;
  return protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
