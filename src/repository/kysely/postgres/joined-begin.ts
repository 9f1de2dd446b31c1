/**
 * DEFERRABLE has no effect on a transaction that writes. It marks the transactions of this package, see
 * `isInTransaction`.
 */
export const beginText = 'begin deferrable';
const joint = `${beginText}; `;

/** The text that {@link JoinedBegin} takes: BEGIN, and a statement behind it. PostgreSQL itself refuses it. */
export function beginWith(statement: string): string {
  return joint + statement;
}

const behind = new Map<string, string>();

/** The statement behind {@link beginWith}; `undefined` for another text. The same string each time, for its hash. */
export function statementBehindBegin(text: string): string | undefined {
  if (!text.startsWith(joint)) return undefined;
  let statement = behind.get(text);
  if (statement === undefined) {
    statement = text.slice(joint.length);
    behind.set(text, statement);
  }
  return statement;
}

/**
 * Sends BEGIN and a statement with one write, so that they share a wait. If BEGIN fails, PostgreSQL skips what was sent
 * with it. Both must be prepared on the connection: the first time, they are sent one after the other.
 */
export class JoinedBegin {
  readonly #client: AnyClient;
  readonly #Query: JoinedQueryClass | undefined;
  /** The columns of the results of the statements that are prepared, by their names. */
  readonly #prepared = new Map<string, readonly string[]>();

  constructor(client: AnyClient) {
    this.#client = client;
    this.#Query = joinedQueryOf(client as Partial<PgClient>);
  }

  /**
   * @param name `undefined` if nothing may be prepared
   * @param values texts and nulls
   * @returns a result whose columns must be texts
   */
  async run(name: string | undefined, text: string, values: readonly unknown[]): Promise<Pick<QueryResult, 'rows'>> {
    const Query = this.#Query;
    const columns = name === undefined ? undefined : this.#prepared.get(name);
    if (Query !== undefined && name !== undefined && columns !== undefined) {
      return new Promise((resolve, reject) => {
        const settle = (error: unknown, rows: readonly TextRow[]) => {
          if (error) reject(error);
          else resolve({ rows: rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]]))) });
        };
        this.#client.query(new Query(name, text, values, settle));
      });
    }
    await this.#client.query(name === undefined ? beginText : { name: beginName, text: beginText });
    if (name === undefined) return this.#client.query(text, values);
    const result: QueryResult = await this.#client.query({ name, text, values });
    this.#prepared.set(
      name,
      result.fields.map((field) => field.name),
    );
    return result;
  }
}

const beginName = 'dragonpay-begin';

interface AnyClient {
  // biome-ignore lint/suspicious/noExplicitAny: pg's own signatures take and give any
  query: (...args: any[]) => any;
}

type TextRow = readonly (string | null)[];

interface QueryResult {
  readonly rows: readonly object[];
  readonly fields: readonly { readonly name: string }[];
}

type Settle = (error: unknown, rows: readonly TextRow[]) => void;
type JoinedQueryClass = new (name: string, text: string, values: readonly unknown[], settle: Settle) => object;

/** The part of node-postgres's connection that its own queries and `pg-cursor` use. */
interface PgConnection {
  readonly stream: { cork?(): void; uncork?(): void };
  bind(config: { statement: string; values?: readonly unknown[] }): void;
  execute(config?: object): void;
  sync(): void;
}

interface PgQuery {
  callback: Settle;
}

interface PgClient {
  readonly connection: PgConnection;
  readonly constructor: { readonly Query?: new (text: string) => PgQuery };
}

const classes = new WeakMap<object, JoinedQueryClass>();

/**
 * The class of queries for a client; `undefined` for one that is not node-postgres's client in JavaScript. It extends the
 * client's own class: in a pipeline the client takes no other.
 */
function joinedQueryOf({ connection, constructor: Client }: Partial<PgClient>): JoinedQueryClass | undefined {
  const Query = Client?.Query;
  if (typeof connection?.bind !== 'function' || Query === undefined) return undefined;
  const known = classes.get(Query);
  if (known !== undefined) return known;
  class JoinedQuery extends Query {
    readonly #name: string;
    readonly #values: readonly unknown[];
    readonly #rows: TextRow[] = [];

    constructor(name: string, text: string, values: readonly unknown[], settle: Settle) {
      super(text);
      this.#name = name;
      this.#values = values;
      this.callback = settle;
    }

    /** Asks for no description of the result: its columns are known. */
    submit(connection: PgConnection): null {
      connection.stream.cork?.();
      connection.bind({ statement: beginName });
      connection.execute();
      connection.bind({ statement: this.#name, values: this.#values });
      connection.execute();
      connection.sync();
      connection.stream.uncork?.();
      return null;
    }

    handleDataRow({ fields }: { readonly fields: TextRow }): void {
      this.#rows.push(fields);
    }

    handleCommandComplete(): void {}

    handleReadyForQuery(): void {
      this.callback(undefined, this.#rows);
    }
  }
  classes.set(Query, JoinedQuery);
  return JoinedQuery;
}
