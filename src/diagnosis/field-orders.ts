import type { SignedText } from '../protocol/signed-text.js';

/** Signed fields in an order. */
export type FieldOrder = SignedText['fields'];

type Field = FieldOrder[number];

/**
 * Orders of fields to try: a few likely orders first, then the orders that are similar to them. The caller must copy an
 * order that it keeps.
 */
export function* fieldOrders(likely: readonly FieldOrder[], all: FieldOrder): Generator<FieldOrder> {
  const seen = new Set<string>();
  function* once(orders: Iterable<FieldOrder>): Generator<FieldOrder> {
    for (const order of orders) {
      const key = order.join();
      if (order.length === 0 || seen.has(key)) continue;
      seen.add(key);
      yield order;
    }
  }
  yield* once(likely);
  for (const order of likely) yield* once(neighbours(order, all));
  for (const order of likely) yield* once(subsets(order));
  for (const order of likely.filter(({ length }) => length <= 7)) yield* once(permutations(order));
  for (const order of likely) {
    for (const near of neighbours(order, all)) yield* once(neighbours(near, all));
  }
}

/** Every order with one field removed, added, moved or swapped with another. */
function* neighbours(order: FieldOrder, all: FieldOrder): Generator<FieldOrder> {
  yield* moves(order);
  for (let from = 0; from < order.length; from++) {
    const others = order.filter((_, index) => index !== from);
    yield others;
    for (let to = from + 1; to < order.length; to++) {
      yield order.with(from, order[to] as Field).with(to, order[from] as Field);
    }
  }
  for (const field of all) {
    if (order.includes(field)) continue;
    for (let to = 0; to <= order.length; to++) yield order.toSpliced(to, 0, field);
  }
}

/** Every order that two moves of a field make. */
export function* twoMoves(orders: readonly FieldOrder[]): Generator<FieldOrder> {
  const seen = new Set<string>();
  for (const order of orders) {
    for (const once of moves(order)) {
      for (const twice of moves(once)) {
        const key = twice.join();
        if (seen.has(key)) continue;
        seen.add(key);
        yield twice;
      }
    }
  }
}

function* moves(order: FieldOrder): Generator<FieldOrder> {
  for (let from = 0; from < order.length; from++) {
    const others = order.filter((_, index) => index !== from);
    for (let to = 0; to < order.length; to++) yield others.toSpliced(to, 0, order[from] as Field);
  }
}

function* subsets(order: FieldOrder): Generator<Field[]> {
  for (let bits = 2 ** order.length - 1; bits >= 0; bits--) yield order.filter((_, index) => (bits >> index) & 1);
}

/** All orders, by Heap's algorithm. It yields one array and changes it in place: copies would take half of the time. */
function* permutations(fields: FieldOrder): Generator<FieldOrder> {
  const order = [...fields];
  const swaps = order.map(() => 0);
  yield order;
  for (let at = 1; at < order.length; ) {
    const swapped = swaps[at] as number;
    if (swapped < at) {
      const from = at % 2 === 0 ? 0 : swapped;
      const kept = order[from] as Field;
      order[from] = order[at] as Field;
      order[at] = kept;
      swaps[at] = swapped + 1;
      at = 1;
      yield order;
    } else {
      swaps[at++] = 0;
    }
  }
}

const deciding: readonly string[] = ['txnid', 'merchantTxnId', 'refno', 'status'];

/**
 * All orders of the deciding fields together with `least` to `most` other fields. Orders with few other fields come
 * first.
 */
export function* ordersOfSubsets(came: FieldOrder, least: number, most: number): Generator<FieldOrder> {
  const needed = came.filter((field) => deciding.includes(field));
  const others = came.filter((field) => !deciding.includes(field));
  for (let count = least; count <= most; count++) {
    for (const some of subsets(others)) if (some.length === count) yield* permutations([...needed, ...some]);
  }
}

/** Each order without some of the fields that do not decide. */
export function* subsetsOfOthers(orders: Iterable<FieldOrder>): Generator<FieldOrder> {
  const seen = new Set<string>();
  for (const order of orders) {
    for (const some of subsets(order.filter((field) => !deciding.includes(field)))) {
      const kept = order.filter((field) => deciding.includes(field) || some.includes(field));
      const key = kept.join();
      if (seen.has(key)) continue;
      seen.add(key);
      yield kept;
    }
  }
}
