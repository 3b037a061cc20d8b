/**
 * Sets a key of a map that never holds more than `most`: the one that was set longest ago goes. A
 * plain map, because a cache sets all its room aside when it is made.
 */
export function remember<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
