/** The way a payer pays: on a bank's site, at a counter some time later, or from an electronic wallet. */
export type ChannelKind = 'online' | 'counter' | 'wallet';

/** A channel of the payment page. */
export interface Channel {
  /** `procid` on the wire. */
  readonly procid: string;
  readonly name: string;
  readonly kind: ChannelKind;
  /** As messages of callbacks name it. */
  readonly shortName: string;
}

/** The channels that the payment page offers. BOG and BOGX are those of Dragonpay's own test gateway. */
export const channels: readonly Channel[] = [
  { procid: 'BOG', name: 'Bogus Bank Online', kind: 'online', shortName: 'BOG' },
  { procid: 'BPI', name: 'BPI Online', kind: 'online', shortName: 'BPI' },
  { procid: 'BOGX', name: 'Bogus Bank branch', kind: 'counter', shortName: 'Bogus Bank' },
  { procid: 'BDO', name: 'BDO branch', kind: 'counter', shortName: 'BDO' },
  { procid: 'GCSH', name: 'GCash', kind: 'wallet', shortName: 'GCash' },
];

/** The channel of this `procid`; `undefined` where there is none. */
export function findChannel(procid: string | undefined): Channel | undefined {
  return channels.find((channel) => channel.procid === procid);
}
