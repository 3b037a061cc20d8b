import assert from "node:assert/strict";

import { test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import { Heap, type HeapOrder } from "./heap.ts";

interface Item {
  rank: number;
  place: number;
}

const byRank: HeapOrder<Item> = {
  before: (a, b) => a.rank < b.rank,
  placeOf: ({ place }) => place,
  setPlace: (item, place) => {
    item.place = place;
  },
};

const step = fc.record({
  act: fc.constantFrom("add", "add", "add", "add", "remove", "move", "take"),
  which: fc.nat({ max: 40 }),
  rank: fc.nat({ max: 20 }),
});

test("a heap gives the earliest of what it holds, whatever was added, moved or taken out", () => {
  holds(fc.array(step, { maxLength: 80 }), (steps) => {
    const heap = new Heap<Item>(byRank);
    const held = new Set<Item>();
    for (const { act, which, rank } of steps) {
      const item = act === "take" ? heap.first : [...held][which % Math.max(1, held.size)];
      if (act === "add") {
        const added = { rank, place: -1 };
        heap.add(added);
        held.add(added);
      } else if (item !== undefined && act === "move") {
        item.rank = rank;
        heap.moved(item);
      } else if (item !== undefined) {
        heap.remove(item);
        heap.remove(item);
        held.delete(item);
      }
      const earliest = held.size === 0 ? undefined : Math.min(...[...held].map(({ rank }) => rank));
      assert.equal(heap.first?.rank, earliest);
      assert.equal(heap.size, held.size);
      assert.equal(new Set([...held].map(({ place }) => place)).size, held.size);
    }
    const taken: number[] = [];
    for (let { first } = heap; first !== undefined; { first } = heap) {
      taken.push(first.rank);
      heap.remove(first);
    }
    assert.deepEqual(
      taken,
      [...held].map(({ rank }) => rank).toSorted((a, b) => a - b),
    );
  });
});
