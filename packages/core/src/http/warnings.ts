/** What the framework does with forwarding headers, as far as it matters for whom we meter. */
export type ProxyTrust =
  /** The socket's address counts; forwarding headers are ignored. */
  | "none"
  /** Only named proxies, or a number of them, are believed. */
  | "listed"
  /** Whoever writes the header chooses the address. */
  | "anyone"
  /** A setting that current versions of the framework ignore. */
  | "ignored";

const page = "docs/client-address.md";

const messages = {
  TOLLGATE_TRUSTS_ANYONE:
    "the framework believes X-Forwarded-For from anyone, so a client can choose its own address " +
    "and never meet an ip limit; name your proxies instead",
  TOLLGATE_TRUST_IGNORED:
    "the framework ignores a numeric trustProxy, so everyone behind your proxy shares one address; " +
    "name your proxies instead",
  TOLLGATE_UNTRUSTED_PROXY:
    "X-Forwarded-For arrives, but the framework trusts no proxy, so everyone behind a proxy of " +
    "yours would share one address; name it, or ignore this if you have none",
} as const;

/** Tells about each risky configuration once per limiter, with the page that explains it. */
export class ProxyWarnings {
  readonly #told = new Set<keyof typeof messages>();

  look(trust: ProxyTrust, forwarded: boolean): void {
    if (trust === "anyone") this.#tell("TOLLGATE_TRUSTS_ANYONE");
    else if (trust === "ignored") this.#tell("TOLLGATE_TRUST_IGNORED");
    else if (trust === "none" && forwarded) this.#tell("TOLLGATE_UNTRUSTED_PROXY");
  }

  #tell(code: keyof typeof messages): void {
    if (this.#told.has(code)) return;
    this.#told.add(code);
    process.emitWarning(`${messages[code]}. See ${page}`, { type: "TollgateWarning", code });
  }
}
