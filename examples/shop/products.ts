import { type Html, html } from './html.js';

/** A product of the shop. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly about: string;
  /** In PHP, as a decimal string. */
  readonly price: string;
  /** Decorative: the name says what it shows. */
  readonly picture: Html;
}

export const products: readonly Product[] = [
  {
    id: 'coffee',
    name: 'Barako coffee',
    about: 'Whole beans from Batangas, 250 g',
    price: '320.00',
    picture: picture(html`<path d="M44 34h32l6 12v52a6 6 0 0 1-6 6H44a6 6 0 0 1-6-6V46z" fill="var(--art-1)"/>
<path d="M44 34h32l6 12H38z" fill="var(--art-2)"/><rect x="48" y="60" width="24" height="28" rx="12" fill="var(--art-3)"/>
<path d="M60 62c-6 8 6 14 0 24" fill="none" stroke="var(--art-2)" stroke-width="2.5" stroke-linecap="round"/>`),
  },
  {
    id: 'notebook',
    name: 'Abacá notebook',
    about: 'Handmade paper, bound by hand, A5',
    price: '185.50',
    picture: picture(html`<rect x="36" y="30" width="48" height="74" rx="4" fill="var(--art-1)"/>
<path d="M36 34a4 4 0 0 1 4-4h6v74h-6a4 4 0 0 1-4-4z" fill="var(--art-2)"/>
<rect x="55" y="46" width="20" height="14" rx="2" fill="var(--art-3)"/>
<path d="M78 104v10l-4-3-4 3v-10z" fill="var(--art-2)"/>`),
  },
  {
    id: 'mug',
    name: 'Enamel mug',
    about: 'For the coffee, at home or on the trail',
    price: '249.00',
    picture: picture(html`<path d="M36 48h44v44a10 10 0 0 1-10 10H46a10 10 0 0 1-10-10z" fill="var(--art-1)"/>
<path d="M80 58h4a12 12 0 0 1 0 24h-4" fill="none" stroke="var(--art-1)" stroke-width="6"/>
<rect x="34" y="44" width="48" height="7" rx="3.5" fill="var(--art-2)"/>
<path d="M50 34c-4-5 4-7 0-12M64 34c-4-5 4-7 0-12" fill="none" stroke="var(--art-3)" stroke-width="3" stroke-linecap="round"/>`),
  },
];

function picture(shapes: Html): Html {
  return html`<svg viewBox="18 16 84 102" aria-hidden="true" focusable="false">${shapes}</svg>`;
}
