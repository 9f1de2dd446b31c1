/** How a payer pays: on a bank's site, later at a counter, or with an electronic wallet. */
export type ChannelKind = 'online' | 'counter' | 'wallet';

/** A channel of the payment page. */
export interface Channel {
  /** `procid` on the wire. */
  readonly procid: string;
  readonly name: string;
  readonly kind: ChannelKind;
  /** The name in the messages of callbacks. */
  readonly shortName: string;
}

/** The channels of the payment page. Dragonpay's test gateway has BOG and BOGX too. */
export const channels: readonly Channel[] = [
  { procid: 'BOG', name: 'Bogus Bank Online', kind: 'online', shortName: 'BOG' },
  { procid: 'BPI', name: 'BPI Online', kind: 'online', shortName: 'BPI' },
  { procid: 'BOGX', name: 'Bogus Bank branch', kind: 'counter', shortName: 'Bogus Bank' },
  { procid: 'BDO', name: 'BDO branch', kind: 'counter', shortName: 'BDO' },
  { procid: 'GCSH', name: 'GCash', kind: 'wallet', shortName: 'GCash' },
];

/** The channel with this `procid`; `undefined` if there is none. */
export function findChannel(procid: string | undefined): Channel | undefined {
  return channels.find((channel) => channel.procid === procid);
}
