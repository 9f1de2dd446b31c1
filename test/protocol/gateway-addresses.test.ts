import { expect } from 'chai';
import { gatewayAddress, isSafeGateway } from '../../src/protocol/gateway-addresses.js';

describe('The address of a gateway', () => {
  it('is Dragonpay’s, or the one that is given, without a slash at its end', () => {
    expect(gatewayAddress('test')).to.equal('https://test.dragonpay.ph');
    expect(gatewayAddress('production')).to.equal('https://gw.dragonpay.ph');
    expect(gatewayAddress({ gateway: 'http://localhost:8080' })).to.equal('http://localhost:8080');
    expect(gatewayAddress({ gateway: 'https://proxy.example//a//' })).to.equal('https://proxy.example//a');
  });

  for (const address of [
    'https://gw.dragonpay.ph',
    'https://192.0.2.1:8443/a',
    'http://localhost',
    'http://localhost:8080/a',
    'http://127.0.0.1:8080',
    'http://127.12.0.255',
    'http://[::1]:8080',
  ]) {
    it(`may be called with credentials: ${address}`, () => expect(isSafeGateway(address)).to.equal(true));
  }

  for (const address of [
    'http://gw.dragonpay.ph',
    'http://localhost.example',
    'http://a.localhost',
    'http://127.0.0.1.example',
    'http://1127.0.0.1.example',
    'http://10.0.0.1',
    'http://[::2]',
    'ftp://localhost',
    'wss://gw.dragonpay.ph',
    'https://user@gw.dragonpay.ph',
    'https://user:password@gw.dragonpay.ph',
    'https://:password@gw.dragonpay.ph',
    'gw.dragonpay.ph',
    '',
  ]) {
    it(`may not be called with credentials: ${address}`, () => expect(isSafeGateway(address)).to.equal(false));
  }
});
