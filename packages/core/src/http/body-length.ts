const bodiless = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/**
 * Bytes of a request's body as declared, `undefined` when nobody said; bounded, so that a cost made of
 * it is at worst impossible.
 */
export function bodyLength(
  method: string,
  header: (name: string) => string | undefined,
): number | undefined {
  const declared = header("content-length");
  if (declared !== undefined) return Math.min(Number(declared), Number.MAX_SAFE_INTEGER);
  // Without either field these have no body (RFC 9112 §6.3).
  return bodiless.has(method) && header("transfer-encoding") === undefined ? 0 : undefined;
}
