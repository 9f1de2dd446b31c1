import { expect } from 'chai';
import { type CreatedDatabase, describeDatabases } from '../support/databases.js';
import { attack, type Damage, p99, signedForm } from './attacked.js';

const count = Number(process.env.ATTACK_COPIES ?? 1_500);

/** The same callback with another digest. */
const forgedForm = (txnid: string) => signedForm(txnid).replace(/digest=\w{4}/, 'digest=0000');

function describeDamage(title: string, { cpu, memory, others }: Damage): string {
  const times = `${p99(others).toFixed(0)} ms for others (p99 of ${others.length})`;
  return `${title}: ${cpu.toFixed(0)} ms of CPU, ${memory.toFixed(1)} MB, ${times}`;
}

const isCheap = (copies: Damage, forgeries: Damage) => copies.cpu < 2 * forgeries.cpu + 100;
/** The allowance is for connections to the database, which only copies open: mysql2 takes half a megabyte for each. */
const isSmall = (copies: Damage, forgeries: Damage) => copies.memory < 2 * forgeries.memory + 8;
const isQuickForOthers = (copies: Damage, forgeries: Damage) => p99(copies.others) < 2 * p99(forgeries.others) + 250;
const goals = [isCheap, isSmall, isQuickForOthers];

/** @param open resolves to the URL of a database, or to nothing for a repository in memory */
function describeCopies(open: () => Promise<string | undefined>): void {
  let copies: Damage;
  let forgeries: Damage;
  let figures: string;

  before(async function () {
    this.timeout(300_000);
    const url = await open();
    // Other work on the machine may slow down one of the two runs.
    for (let attempt = 0; attempt < 3; attempt++) {
      forgeries = await attack(url, count, forgedForm);
      copies = await attack(url, count, signedForm);
      figures = [describeDamage('copies', copies), describeDamage('forgeries', forgeries)].join('; ');
      if (process.env.ATTACK_COPIES !== undefined) console.log(`      ${count} requests. ${figures}`);
      if (goals.every((isMet) => isMet(copies, forgeries))) break;
    }
  });
  it('are all answered 200 or 503, and forgeries 400', () => {
    const { 200: handled = 0, 503: refused = 0, ...rest } = copies.statuses;
    expect(rest).to.deep.equal({});
    expect(handled + refused).to.equal(count);
    expect(handled).to.be.above(0);
    expect(forgeries.statuses).to.deep.equal({ 400: count });
  });

  it('cost at most twice the CPU time of as many forgeries', () => {
    expect(isCheap(copies, forgeries), figures).to.equal(true);
  });

  it('cost at most twice the memory of as many forgeries', () => {
    expect(isSmall(copies, forgeries), figures).to.equal(true);
  });

  it('slow down other payers at most twice as much as forgeries', () => {
    expect(copies.othersStatuses).to.deep.equal([200]);
    expect(isQuickForOthers(copies, forgeries), figures).to.equal(true);
  });
}

describeDatabases('Copies that are pipelined on one connection', ({ create }) => {
  let database: CreatedDatabase;
  after(() => database?.destroy());
  describeCopies(async () => {
    database = await create();
    return database.url;
  });
});

describe('Copies that are pipelined on one connection, in memory', () => describeCopies(async () => undefined));
