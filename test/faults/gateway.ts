import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendForm } from '../support/send-form.js';
import type { CampaignEvent, History } from './histories.js';
import type { Random } from './random.js';

const mostTries = 60;
const forgedTries = 2;

/** Behaves like the gateway: sends all events of a payment, and repeats those that were not answered 2xx. */
export class Gateway {
  readonly #ports: () => readonly number[];
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  /** The number of answers by status code. 0 stands for no answer. */
  readonly answers = new Map<number, number>();

  /** @param ports returns the ports of the running applications */
  constructor(ports: () => readonly number[], random: Random) {
    this.#ports = ports;
    this.#random = random;
  }

  get sends(): number {
    return [...this.answers.values()].reduce((total, count) => total + count, 0);
  }

  /** Resolves when every delivery was answered 2xx or abandoned. */
  async tell({ events }: History): Promise<void> {
    const deliveries: Promise<void>[] = [];
    for (const event of events) {
      const all = event.deliveries.map(({ method, delay }) => this.#deliver(event, method, delay));
      deliveries.push(...all);
      if (event.isWaitedFor) await Promise.all(all);
      else await sleep(this.#random.between(0, 80));
    }
    await Promise.all(deliveries);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #deliver(event: CampaignEvent, method: 'GET' | 'POST', delay: number): Promise<void> {
    await sleep(delay);
    const tries = event.nature === 'forged' ? forgedTries : mostTries;
    for (let tried = 1, pause = 30; tried <= tries; tried++, pause = Math.min(2 * pause, 1_500)) {
      event.firstSentAt ??= performance.now();
      event.sends++;
      const { status, body } = await this.#send(event.form, method).catch(() => ({ status: 0, body: '' }));
      this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
      if (status >= 200 && status < 300) {
        event.acknowledged.push({ at: performance.now(), outcome: body });
        return;
      }
      await sleep(this.#random.between(pause / 2, pause));
    }
    event.givenUp++;
  }

  async #send(form: string, method: 'GET' | 'POST'): Promise<{ status: number; body: string }> {
    const ports = this.#ports();
    if (ports.length === 0) throw new Error('no application listens');
    // Sometimes the gateway closes the connection before the answer.
    const timeout = this.#random.chance(0.02) ? this.#random.between(2, 60) : 8_000;
    return sendForm(this.#random.pick(ports), form, { method, agent: this.#agent, timeout });
  }
}
