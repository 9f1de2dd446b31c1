import { expect } from 'chai';
import { examineDatabase } from '../../../src/cli/doctor/examine-database.js';
import { startMariadb } from '../../support/mariadb-server.js';
import { describeOnMariadb } from '../../support/mysql-database.js';

describeOnMariadb('dragonpay-callback on a MariaDB with a binary log', () => {
  it('doctor finds commits that the binary log does not flush', async function () {
    this.timeout(60_000);
    const server = await startMariadb(['--log-bin=binlog', '--sync-binlog=0']);
    try {
      const checks = await examineDatabase(`${server.url}/mysql`, {});
      expect(checks.map(({ check, what }) => `${check}: ${what}`)).to.include('durability: sync_binlog is 0');
    } finally {
      await server.stop();
    }
  });
});
