/** Lets `KyselyRepository` of `dragonpay-callback/kysely` store callbacks in MariaDB or MySQL. */
export { mysqlDialect } from './repository/kysely/mysql/mysql.js';
export type { MysqlDragonpayTables } from './repository/kysely/mysql/tables.js';
