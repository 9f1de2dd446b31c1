/** Receives callbacks with services from an Inversify 8 container. */
export { DRAGONPAY, dragonpayModule } from './inversify/dragonpay-module.js';
