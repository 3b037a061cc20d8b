// The usual table of edit distances, one row at a time. Keys are short.
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const [above = 0, diagonal = 0, before = 0] = [row[j + 1], row[j], next[j]];
      next.push(Math.min(above + 1, before + 1, diagonal + (a[i] === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const folded = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, "");

/** The name that was probably meant, if one is near: up to two slips, and fewer in short names. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // Nothing that is known is near a name that long, and the table grows with it.
  if (name.length > 64) return undefined;
  const most = name.length <= 4 ? 1 : 2;
  const [best] = known
    .map((other) => ({ other, slips: distance(folded(name), folded(other)) }))
    .filter(({ slips }) => slips <= most)
    .toSorted((a, b) => a.slips - b.slips);
  return best?.other;
}
