import type { SignedField } from '../protocol/fields.js';

/**
 * Orders of fields to try: a few likely ones first, then more and more of those that are near to a likely one. The
 * caller must copy an order that it keeps.
 */
export function* fieldOrders(
  likely: ReadonlyArray<readonly SignedField[]>,
  all: readonly SignedField[],
): Generator<readonly SignedField[]> {
  const seen = new Set<string>();
  function* once(orders: Iterable<readonly SignedField[]>): Generator<readonly SignedField[]> {
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
export function* neighbours(order: readonly SignedField[], all: readonly SignedField[]): Generator<SignedField[]> {
  for (let from = 0; from < order.length; from++) {
    const others = order.filter((_, index) => index !== from);
    yield others;
    for (let to = 0; to < order.length; to++) yield others.toSpliced(to, 0, order[from] as SignedField);
    for (let to = from + 1; to < order.length; to++) {
      yield order.with(from, order[to] as SignedField).with(to, order[from] as SignedField);
    }
  }
  for (const field of all) {
    if (order.includes(field)) continue;
    for (let to = 0; to <= order.length; to++) yield order.toSpliced(to, 0, field);
  }
}

function* subsets(order: readonly SignedField[]): Generator<SignedField[]> {
  for (let bits = 2 ** order.length - 1; bits > 0; bits--) yield order.filter((_, index) => (bits >> index) & 1);
}

/** All orders, by Heap's algorithm. Each one is the same array, changed in place: a copy would cost half of the time. */
function* permutations(fields: readonly SignedField[]): Generator<readonly SignedField[]> {
  const order = [...fields];
  const swaps = order.map(() => 0);
  yield order;
  for (let at = 1; at < order.length; ) {
    const swapped = swaps[at] as number;
    if (swapped < at) {
      const from = at % 2 === 0 ? 0 : swapped;
      const kept = order[from] as SignedField;
      order[from] = order[at] as SignedField;
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

/** All orders of the fields that decide with up to five others, those with few others first. */
export function* ordersOfSubsets(came: readonly SignedField[]): Generator<readonly SignedField[]> {
  const needed = came.filter((field) => deciding.includes(field));
  const others = came.filter((field) => !deciding.includes(field));
  const chosen = [...subsets(others)].sort((one, other) => one.length - other.length);
  for (const some of chosen) if (some.length <= 5) yield* permutations([...needed, ...some]);
}
