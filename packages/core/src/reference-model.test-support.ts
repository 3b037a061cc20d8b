/**
 * The rules of the design once more, written to be read and not to be fast: unbounded integers,
 * nothing expires, nothing is packed, and every instant asked for is found by trying. Stores are
 * compared with it to the last unit.
 */

export interface ModelLimit {
  readonly name: string;
  readonly type: string;
  readonly scope: "user" | "tenant" | "global";
  /** Units per window, capacity, or slots. */
  readonly max: number;
  readonly rule: "fixed" | "calendar" | "sliding" | "log" | "bucket" | "slots";
  readonly windowMs?: number;
  /** Bucket: millionths of a unit per second. */
  readonly rate?: number;
  readonly forgives: boolean;
  readonly shadow: boolean;
}

export interface ModelSubject {
  readonly tenant: string;
  readonly user: string;
}

export type ModelCost = Readonly<Record<string, number>>;

export interface ModelUsage {
  readonly limit: string;
  readonly current: number;
  readonly remaining: number;
  readonly debt: number;
  readonly resetsAtMs: number;
  /** What must at least be reported as held, and what at most. */
  readonly held: readonly [least: number, most: number];
}

export interface ModelAnswer {
  readonly outcome: "admitted" | "refused" | "impossible" | "conflict";
  readonly refusedBy: readonly string[];
  readonly retryAfterMs: number | undefined;
  readonly usages: readonly ModelUsage[];
}

const GRACE_MS = 3_600_000;

// A unit has 10^9 parts, so that a millionth of a unit per second is a part per millisecond.
const PARTS = 1_000_000_000n;

/** What is stored for one limit of one subject, unless nothing is used. */
type Cell =
  | { readonly startMs: number; readonly charged: bigint; readonly inherited: bigint }
  | { readonly startMs: number; readonly current: bigint; readonly before: bigint }
  | { readonly missing: bigint; readonly atMs: number; readonly unit: bigint }
  | { readonly charges: readonly { readonly ms: number; readonly amount: bigint }[] }
  | {
      readonly taken: readonly {
        readonly token: string;
        readonly amount: bigint;
        readonly endMs: number;
      }[];
    };

interface ModelRecord {
  writtenMs: number;
  readonly cells: Map<string, Cell>;
}

interface Hold {
  readonly subject: ModelSubject;
  readonly limits: readonly ModelLimit[];
  readonly cost: ModelCost;
  /** By limit, where it is a window. */
  readonly startsMs: ReadonlyMap<string, number>;
  /** By record: how many resets it had seen. */
  readonly resets: ReadonlyMap<string, number>;
  leaseEndMs: number;
  /** Whether anybody looked after the end of the lease; from then on it may no longer be counted. */
  lapsed: boolean;
  ended: { readonly outcome: "settled" | "released"; readonly cost: ModelCost } | undefined;
}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const divideUp = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

/** The first instant from `fromMs` on at which `holds`, which never ends once it began. */
function firstInstant(fromMs: number, isTrue: (ms: number) => boolean): number {
  if (isTrue(fromMs)) return fromMs;
  let step = 1;
  while (!isTrue(fromMs + step)) step *= 2;
  let [before, after] = [fromMs, fromMs + step];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (isTrue(middle)) after = middle;
    else before = middle;
  }
  return after;
}

const units = new Map<number, bigint>();

/** The smallest fraction of a unit that a bucket of this rate deals in, in parts. */
function unitOf({ rate = 1 }: ModelLimit): bigint {
  const unit = units.get(rate) ?? gcd(BigInt(rate), PARTS);
  units.set(rate, unit);
  return unit;
}

function cellAt(cell: Cell | undefined, limit: ModelLimit, ms: number): Cell | undefined {
  if (cell === undefined) return undefined;
  if ("missing" in cell) {
    // Under a rate with other fractions what is missing counts in whole units, rounded up.
    const owed = cell.unit === unitOf(limit) ? cell.missing : divideUp(cell.missing, PARTS) * PARTS;
    const missing = owed - BigInt(limit.rate ?? 0) * BigInt(ms - cell.atMs);
    return missing <= 0n ? undefined : { missing, atMs: ms, unit: unitOf(limit) };
  }
  if ("charges" in cell) {
    const charges = cell.charges.filter((charge) => ms < charge.ms + (limit.windowMs ?? 0));
    return charges.length === 0 ? undefined : { charges };
  }
  if ("taken" in cell) {
    const taken = cell.taken.filter(({ endMs }) => ms < endMs);
    return taken.length === 0 ? undefined : { taken };
  }
  if ("before" in cell) return slidTo(cell, limit.windowMs ?? 0, ms);
  let open: Cell | undefined = cell;
  const lengthMs = limit.windowMs ?? 0;
  while (open !== undefined && "charged" in open && ms >= open.startMs + lengthMs) {
    const debt: bigint = limit.forgives ? 0n : usedIn(open, limit, ms) - BigInt(limit.max);
    open =
      debt > 0n ? { startMs: open.startMs + lengthMs, charged: 0n, inherited: debt } : undefined;
  }
  return open;
}

function slidTo(
  cell: { readonly startMs: number; readonly current: bigint; readonly before: bigint },
  lengthMs: number,
  ms: number,
): Cell | undefined {
  let { startMs, current, before } = cell;
  while (ms >= startMs + lengthMs && current + before > 0n) {
    [startMs, current, before] = [startMs + lengthMs, 0n, current];
  }
  return current + before === 0n ? undefined : { startMs, current, before };
}

const sumOf = (amounts: readonly { readonly amount: bigint }[]): bigint =>
  amounts.reduce((sum, { amount }) => sum + amount, 0n);

/** @param ms when the cell was brought to now */
function usedIn(cell: Cell | undefined, limit: ModelLimit, ms: number): bigint {
  if (cell === undefined) return 0n;
  if ("missing" in cell) return divideUp(cell.missing, PARTS);
  if ("charges" in cell) return sumOf(cell.charges);
  if ("taken" in cell) return sumOf(cell.taken);
  const max = BigInt(limit.max);
  if ("charged" in cell) return cell.charged + smaller(max, cell.inherited);
  const lengthMs = limit.windowMs ?? 0;
  const weight = limit.forgives ? smaller(max, cell.before) : cell.before;
  const coveredMs = BigInt(cell.startMs + lengthMs - ms);
  return cell.current + divideUp(weight * coveredMs, BigInt(lengthMs));
}

function fits(cell: Cell | undefined, limit: ModelLimit, ms: number, cost: number): boolean {
  if (cost === 0) return true;
  const now = cellAt(cell, limit, ms);
  if (now !== undefined && "missing" in now) {
    return now.missing + BigInt(cost) * PARTS <= BigInt(limit.max) * PARTS;
  }
  return usedIn(now, limit, ms) + BigInt(cost) <= BigInt(limit.max);
}

/** Books `amount` on a cell that has been brought to `ms`. */
function charged(cell: Cell | undefined, limit: ModelLimit, ms: number, amount: number): Cell {
  if (limit.rule === "log") {
    const before = cell !== undefined && "charges" in cell ? cell.charges : [];
    return { charges: [...before, { ms, amount: BigInt(amount) }] };
  }
  if (limit.rule === "sliding") {
    const open =
      cell !== undefined && "before" in cell ? cell : { startMs: ms, current: 0n, before: 0n };
    return { ...open, current: open.current + BigInt(amount) };
  }
  if (limit.windowMs === undefined) {
    const missing = cell !== undefined && "missing" in cell ? cell.missing : 0n;
    return { missing: missing + BigInt(amount) * PARTS, atMs: ms, unit: unitOf(limit) };
  }
  // In this model the only calendar windows are hours, in UTC.
  const startMs = limit.rule === "calendar" ? ms - (ms % limit.windowMs) : ms;
  const open =
    cell !== undefined && "charged" in cell ? cell : { startMs, charged: 0n, inherited: 0n };
  return { ...open, charged: open.charged + BigInt(amount) };
}

/** Gives back `amount` that was charged in the window that opened at `startMs`. */
function refunded(
  cell: Cell | undefined,
  limit: ModelLimit,
  amount: number,
  startMs: number | undefined,
): Cell | undefined {
  if (cell === undefined) return undefined;
  if ("missing" in cell) {
    const missing = cell.missing - BigInt(amount) * PARTS;
    return missing <= 0n ? undefined : { ...cell, missing };
  }
  if ("taken" in cell) return cell;
  if ("charges" in cell) {
    // Of the charges of that instant, one after the other.
    let left = BigInt(amount);
    const charges = cell.charges.map((charge) => {
      const taken = charge.ms === startMs ? smaller(left, charge.amount) : 0n;
      left -= taken;
      return { ...charge, amount: charge.amount - taken };
    });
    return sumOf(charges) === 0n ? undefined : { charges };
  }
  if ("before" in cell) {
    const { current, before } = cell;
    const sameWindow = cell.startMs === startMs;
    const nextWindow = cell.startMs === (startMs ?? 0) + (limit.windowMs ?? 0);
    const slid = {
      ...cell,
      current: sameWindow ? current - BigInt(amount) : current,
      before: nextWindow ? before - BigInt(amount) : before,
    };
    if (slid.current < 0n || slid.before < 0n) throw new Error("more was given back than charged");
    return slid.current + slid.before === 0n ? undefined : slid;
  }
  const left = { ...cell };
  if (cell.startMs === startMs) left.charged -= BigInt(amount);
  else if (cell.startMs === (startMs ?? 0) + (limit.windowMs ?? 0)) {
    left.inherited = larger(0n, cell.inherited - BigInt(amount));
  }
  if (left.charged < 0n) throw new Error("more was given back than had been charged");
  return left.charged === 0n && left.inherited === 0n ? undefined : left;
}

function withoutDebt(cell: Cell | undefined, { max, forgives }: ModelLimit): Cell | undefined {
  if (!forgives || cell === undefined || !("missing" in cell)) return cell;
  return { ...cell, missing: smaller(cell.missing, BigInt(max) * PARTS) };
}

/** Every call takes a slot, and costs what it says of everything else. */
const amountFor = ({ rule, type }: ModelLimit, cost: ModelCost): number =>
  rule === "slots" ? 1 : (cost[type] ?? 0);

function vacated(cell: Cell | undefined, token: string): Cell | undefined {
  if (cell === undefined || !("taken" in cell)) return cell;
  const taken = cell.taken.filter((slot) => slot.token !== token);
  return taken.length === 0 ? undefined : { taken };
}

/** Unambiguous, because the ids of timelines hold no blank. */
const recordKey = ({ scope }: ModelLimit, { tenant, user }: ModelSubject): string =>
  scope === "user" ? `user ${tenant} ${user}` : scope === "tenant" ? `tenant ${tenant}` : scope;

export class ReferenceModel {
  readonly #records = new Map<string, ModelRecord>();
  readonly #resets = new Map<string, number>();
  readonly #holds = new Map<string, Hold>();

  /** Decides, and charges if it admits; `force` admits whatever is left. */
  decide(
    mode: "check" | "take" | "force",
    limits: readonly ModelLimit[],
    subject: ModelSubject,
    cost: ModelCost,
    clockMs: number,
  ): ModelAnswer & { readonly nowMs: number } {
    const nowMs = this.#agreeOnTime(limits, subject, clockMs);
    const asked = limits.map((limit) => ({ limit, amount: amountFor(limit, cost) }));
    const refusing = asked.filter(
      ({ limit, amount }) =>
        !limit.shadow && !fits(this.#cell(limit, subject), limit, nowMs, amount),
    );
    const impossible = refusing.some(({ limit, amount }) => amount > limit.max);
    const admitted = mode === "force" || refusing.length === 0;
    if (admitted && mode !== "check") {
      for (const { limit, amount } of asked) {
        if (amount === 0 || limit.rule === "slots") continue;
        this.#write(limit, subject, nowMs, (cell) =>
          mode === "force" || limit.shadow
            ? withoutDebt(charged(cell, limit, nowMs, amount), limit)
            : charged(cell, limit, nowMs, amount),
        );
      }
    }
    const waits = refusing.map(
      ({ limit, amount }) =>
        firstInstant(
          nowMs,
          (ms) => impossible || fits(this.#cell(limit, subject), limit, ms, amount),
        ) - nowMs,
    );
    return {
      outcome: admitted ? "admitted" : impossible ? "impossible" : "refused",
      refusedBy: admitted ? [] : refusing.map(({ limit }) => limit.name),
      retryAfterMs: admitted || impossible ? undefined : Math.max(...waits),
      usages: this.usages(limits, subject, clockMs),
      nowMs,
    };
  }

  /** As `decide`, remembering under `token` what was charged where. */
  reserve(
    limits: readonly ModelLimit[],
    subject: ModelSubject,
    cost: ModelCost,
    clockMs: number,
    { token, leaseMs }: { readonly token: string; readonly leaseMs: number },
  ): ModelAnswer {
    const known = this.#holdAt(token, this.#agreeOnTime(limits, subject, clockMs));
    if (known !== undefined) {
      const same = limits.every(({ type }) => known.cost[type] === cost[type]);
      return {
        outcome: same ? "admitted" : "conflict",
        refusedBy: [],
        retryAfterMs: undefined,
        usages: this.usages(limits, subject, clockMs),
      };
    }
    const answer = this.decide("take", limits, subject, cost, clockMs);
    if (answer.outcome !== "admitted") return answer;
    const { nowMs } = answer;
    for (const limit of limits) {
      if (limit.rule !== "slots") continue;
      const slot = { token, amount: 1n, endMs: nowMs + leaseMs };
      this.#write(limit, subject, nowMs, (cell) => ({
        taken: [...(cell !== undefined && "taken" in cell ? cell.taken : []), slot],
      }));
    }
    const starts = limits.flatMap((limit) => {
      const cell = cellAt(this.#cell(limit, subject), limit, nowMs);
      if (cell !== undefined && "charges" in cell) return [[limit.name, nowMs] as const];
      return cell !== undefined && "startMs" in cell ? [[limit.name, cell.startMs] as const] : [];
    });
    const keys = limits.map((limit) => recordKey(limit, subject));
    // One that was lost under the same token stays charged, and so may still be reported as held.
    const lost = this.#holds.get(token);
    if (lost !== undefined) this.#holds.set(`${token} before ${String(this.#holds.size)}`, lost);
    this.#holds.set(token, {
      subject,
      limits,
      cost,
      startsMs: new Map(starts),
      resets: new Map(keys.map((key) => [key, this.#resets.get(key) ?? 0])),
      leaseEndMs: nowMs + leaseMs,
      lapsed: false,
      ended: undefined,
    });
    return { ...answer, usages: this.usages(limits, subject, clockMs) };
  }

  /** Replaces a hold by `cost`, or by nothing when that is `undefined`. */
  end(
    token: string,
    cost: ModelCost | undefined,
    clockMs: number,
  ): { outcome: string; applied: boolean; cost: ModelCost } {
    const hold = this.#holdAt(token, clockMs);
    if (hold === undefined) return { outcome: "unknown", applied: false, cost: {} };
    if (hold.ended !== undefined) return { ...hold.ended, applied: false };
    const { subject, limits } = hold;
    const nowMs = this.#agreeOnTime(limits, subject, clockMs);
    const actual = Object.fromEntries(
      Object.entries(hold.cost).map(([type, held]) => [
        type,
        cost === undefined ? 0 : (cost[type] ?? held),
      ]),
    );
    const overrun = new Set(
      limits
        .filter(({ type }) => (actual[type] ?? 0) > (hold.cost[type] ?? 0))
        .map((limit) => recordKey(limit, subject)),
    );
    for (const limit of limits) {
      const key = recordKey(limit, subject);
      if (!this.#records.has(key) && !overrun.has(key)) continue;
      const sameReset = hold.resets.get(key) === (this.#resets.get(key) ?? 0);
      const delta = (actual[limit.type] ?? 0) - (hold.cost[limit.type] ?? 0);
      this.#write(limit, subject, nowMs, (cell) => {
        if (limit.rule === "slots") return sameReset ? vacated(cell, token) : cell;
        if (delta > 0) return withoutDebt(charged(cell, limit, nowMs, delta), limit);
        if (delta === 0 || !sameReset) return cell;
        return withoutDebt(refunded(cell, limit, -delta, hold.startsMs.get(limit.name)), limit);
      });
    }
    hold.ended = { outcome: cost === undefined ? "released" : "settled", cost: actual };
    return { ...hold.ended, applied: true };
  }

  renew(token: string, leaseMs: number, clockMs: number): boolean {
    const hold = this.#holdAt(token, clockMs);
    if (hold === undefined || hold.ended !== undefined) return false;
    const nowMs = this.#agreeOnTime(hold.limits, hold.subject, clockMs);
    if (nowMs >= hold.leaseEndMs) return false;
    hold.leaseEndMs = Math.max(hold.leaseEndMs, nowMs + leaseMs);
    for (const limit of hold.limits) {
      const key = recordKey(limit, hold.subject);
      const record = this.#records.get(key);
      const cell = record?.cells.get(limit.name);
      if (hold.resets.get(key) !== (this.#resets.get(key) ?? 0)) continue;
      if (record === undefined || cell === undefined || !("taken" in cell)) continue;
      const taken = cell.taken.map((slot) =>
        slot.token === token ? { ...slot, endMs: hold.leaseEndMs } : slot,
      );
      this.#write(limit, hold.subject, nowMs, () => cellAt({ taken }, limit, nowMs));
    }
    return true;
  }

  reset(limits: readonly ModelLimit[], subject: ModelSubject, clockMs: number): void {
    const settleable = [...this.#holds.values()].some(
      ({ ended, leaseEndMs }) => ended === undefined && clockMs < leaseEndMs + GRACE_MS,
    );
    for (const limit of limits) {
      if (limit.scope === "global") continue;
      const key = recordKey(limit, subject);
      this.#resets.set(key, (this.#resets.get(key) ?? 0) + 1);
      // What is left to settle keeps a mark, which is a record that knows when it was written.
      if (settleable) this.#records.set(key, { writtenMs: clockMs, cells: new Map() });
      else this.#records.delete(key);
    }
  }

  usages(
    limits: readonly ModelLimit[],
    subject: ModelSubject,
    clockMs: number,
  ): readonly ModelUsage[] {
    const nowMs = this.#agreeOnTime(limits, subject, clockMs);
    return limits.map((limit) => {
      const cell = this.#cell(limit, subject);
      const now = cellAt(cell, limit, nowMs);
      const current = Number(usedIn(now, limit, nowMs));
      return {
        limit: limit.name,
        current,
        remaining: Math.max(0, limit.max - current),
        debt: Math.max(0, current - limit.max),
        resetsAtMs: firstInstant(nowMs, (ms) => usedIn(cellAt(cell, limit, ms), limit, ms) === 0n),
        held: this.#held(limit, subject, now, nowMs, current),
      };
    });
  }

  #held(
    limit: ModelLimit,
    subject: ModelSubject,
    cell: Cell | undefined,
    nowMs: number,
    current: number,
  ): readonly [number, number] {
    if (limit.rule === "slots") return [current, current];
    const key = recordKey(limit, subject);
    const open = [...this.#holds.values()].filter(
      (hold) =>
        hold.ended === undefined &&
        hold.resets.get(key) === (this.#resets.get(key) ?? 0) &&
        (cell === undefined ||
          !("charged" in cell) ||
          hold.startsMs.get(limit.name) === cell.startMs),
    );
    for (const hold of open) hold.lapsed ||= nowMs >= hold.leaseEndMs;
    const sum = (holds: readonly Hold[]): number =>
      holds.reduce((total, { cost }) => total + (cost[limit.type] ?? 0), 0);
    // What was as good as new in between has forgotten what was held.
    const least =
      limit.rule !== "fixed" && limit.rule !== "calendar"
        ? 0
        : sum(open.filter(({ lapsed }) => !lapsed));
    return [Math.min(current, least), Math.min(current, sum(open))];
  }

  #holdAt(token: string, clockMs: number): Hold | undefined {
    const hold = this.#holds.get(token);
    return hold !== undefined && clockMs < hold.leaseEndMs + GRACE_MS ? hold : undefined;
  }

  #agreeOnTime(limits: readonly ModelLimit[], subject: ModelSubject, clockMs: number): number {
    const written = limits.map(
      (limit) => this.#records.get(recordKey(limit, subject))?.writtenMs ?? 0,
    );
    return Math.max(clockMs, ...written);
  }

  #cell(limit: ModelLimit, subject: ModelSubject): Cell | undefined {
    return this.#records.get(recordKey(limit, subject))?.cells.get(limit.name);
  }

  #write(
    limit: ModelLimit,
    subject: ModelSubject,
    nowMs: number,
    change: (cell: Cell | undefined) => Cell | undefined,
  ): void {
    const key = recordKey(limit, subject);
    const record = this.#records.get(key) ?? { writtenMs: nowMs, cells: new Map<string, Cell>() };
    this.#records.set(key, record);
    record.writtenMs = nowMs;
    const cell = change(cellAt(record.cells.get(limit.name), limit, nowMs));
    if (cell === undefined) record.cells.delete(limit.name);
    else record.cells.set(limit.name, cell);
  }
}
