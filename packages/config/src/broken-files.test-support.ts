/** One way to write limits that are none. */
export interface BrokenFile {
  readonly name: string;
  readonly text: string;
  /** All of what is told, one per line. */
  readonly messages: readonly string[];
  /** Whether an editor marks it: not what only a calculation, or a look at other limits, can tell. */
  readonly inEditors: boolean;
}

const lines = (...each: readonly string[]): string => each.map((line) => `${line}\n`).join("");

/** The environment that the files are read with. */
export const environment: Readonly<Record<string, string>> = {
  WORD: "many",
  SECRET: "sk-do not print me",
};

export const brokenFiles: readonly BrokenFile[] = [
  {
    name: "an empty file",
    text: "",
    messages: ["limits.yaml:1:1 expected a map with limits, got nothing"],
    inEditors: true,
  },
  {
    name: "a comment and nothing else",
    text: "# limits: soon\n",
    messages: ["limits.yaml:1:1 expected a map with limits, got nothing"],
    inEditors: true,
  },
  {
    name: "a list",
    text: "- type: count\n",
    messages: ["limits.yaml:1:1 expected a map with limits, got a list of 1"],
    inEditors: true,
  },
  {
    name: "a word",
    text: "limits\n",
    messages: ['limits.yaml:1:1 expected a map with limits, got string "limits"'],
    inEditors: true,
  },
  {
    name: "an empty section",
    text: "rate_limiting:\n",
    messages: ["limits.yaml:1:15 rate_limiting: expected a map with limits, got nothing"],
    inEditors: true,
  },
  {
    name: "a section that is a list",
    text: lines("rate_limiting:", "  - type: count"),
    messages: ["limits.yaml:2:3 rate_limiting: expected a map with limits, got a list of 1"],
    inEditors: true,
  },
  {
    name: "a section without limits",
    text: lines("rate_limiting:", "  enabled: true"),
    messages: ["limits.yaml:2:3 rate_limiting.limits: missing"],
    inEditors: true,
  },
  {
    name: "both spellings of the section",
    text: lines("rate_limiting:", "  enabled: false", "rateLimiting:", "  enabled: false"),
    messages: ["limits.yaml:3:1 rateLimiting: already given on line 1"],
    inEditors: true,
  },
  {
    name: "limits beside the section",
    text: lines("rate_limiting:", "  enabled: false", "limits: []"),
    messages: ["limits.yaml:3:1 limits: belongs under rate_limiting"],
    inEditors: true,
  },
  {
    name: "a misspelt section",
    text: lines("rate_limitng:", "  enabled: false"),
    messages: [
      "limits.yaml:1:1 rate_limitng: unknown key, did you mean rate_limiting?",
      "limits.yaml:1:1 limits: missing",
    ],
    inEditors: true,
  },
  {
    name: "limits that are empty",
    text: "limits: []\n",
    messages: ["limits.yaml:1:9 limits: expected a list of at least one limit, got a list of 0"],
    inEditors: true,
  },
  {
    name: "limits that are a map",
    text: lines("limits:", "  type: count", "  window: day", "  limit: 5"),
    messages: ["limits.yaml:2:3 limits: expected a list of at least one limit, got a map"],
    inEditors: true,
  },
  {
    name: "a limit that is a word",
    text: lines("limits:", "  - count"),
    messages: ['limits.yaml:2:5 limits[0]: expected a limit, which is a map, got string "count"'],
    inEditors: true,
  },
  {
    name: "a limit that is nothing",
    text: lines("limits:", "  -"),
    messages: ["limits.yaml:2:4 limits[0]: expected a limit, which is a map, got nothing"],
    inEditors: true,
  },
  {
    name: "enabled as a word",
    text: lines("enabled: yes", "limits:", "  - { type: count, window: day, limit: 5 }"),
    messages: ['limits.yaml:1:10 enabled: expected true or false, got string "yes"'],
    inEditors: true,
  },
  {
    name: "a scope that is no word",
    text: lines("scope: per user", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: [
      'limits.yaml:1:8 scope: expected a scope such as user: a letter, then up to 63 letters, digits, ".", "_" or "-", got string "per user"',
    ],
    inEditors: true,
  },
  {
    name: "a scope that every object has",
    text: lines(
      "scope: constructor",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: [
      'limits.yaml:1:8 scope: expected a scope such as user: a letter, then up to 63 letters, digits, ".", "_" or "-", got string "constructor"',
    ],
    inEditors: false,
  },
  {
    name: "a name that is a number",
    text: lines("name: 5", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: [
      'limits.yaml:1:7 name: expected a limiter\'s name: a letter, then up to 63 letters, digits, ".", "_" or "-", got number 5',
    ],
    inEditors: true,
  },
  {
    name: "thresholds that are one number",
    text: lines("thresholds: 80", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: ["limits.yaml:1:13 thresholds: expected a list of percentages, got number 80"],
    inEditors: true,
  },
  {
    name: "thresholds out of range",
    text: lines(
      "thresholds: [0, 80, 1001, high]",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: [
      "limits.yaml:1:14 thresholds[0]: expected a percentage above 0, up to 1000, got number 0",
      "limits.yaml:1:21 thresholds[2]: expected a percentage above 0, up to 1000, got number 1001",
      'limits.yaml:1:27 thresholds[3]: expected a percentage above 0, up to 1000, got string "high"',
    ],
    inEditors: true,
  },
  {
    name: "a lease that is too long",
    text: lines(
      "lease_ms: 86400001",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: [
      "limits.yaml:1:11 lease_ms: expected milliseconds: an integer from 1 to 86400000, got number 86400001",
    ],
    inEditors: true,
  },
  {
    name: "a lease in both spellings",
    text: lines(
      "leaseMs: 5",
      "lease_ms: 5",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: ["limits.yaml:2:1 lease_ms: already given as leaseMs on line 1"],
    inEditors: true,
  },
  {
    name: "an access list that is a list",
    text: lines("allow: [alice]", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: ["limits.yaml:1:8 allow: expected a map of lists by scope, got a list of 1"],
    inEditors: true,
  },
  {
    name: "an access list by no scope",
    text: lines(
      "deny:",
      "  the user: [alice]",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: [
      'limits.yaml:2:3 deny["the user"]: expected a scope such as user: a letter, then up to 63 letters, digits, ".", "_" or "-", got string "the user"',
    ],
    inEditors: true,
  },
  {
    name: "access lists of no ids",
    text: lines(
      "deny:",
      "  user: [7, '']",
      "  ip: [10.0.0.0/33, localhost]",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: [
      "limits.yaml:2:10 deny.user[0]: expected an id, which is a non-empty string, got number 7",
      'limits.yaml:2:13 deny.user[1]: expected an id, which is a non-empty string, got string ""',
      'limits.yaml:3:8 deny.ip[0]: expected an IP address or a range such as 10.0.0.0/8, got string "10.0.0.0/33"',
      'limits.yaml:3:21 deny.ip[1]: expected an IP address or a range such as 10.0.0.0/8, got string "localhost"',
    ],
    inEditors: true,
  },
  {
    name: "a database without its backend",
    text: lines(
      "backend: memory",
      "sql_database: limits",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: [
      'limits.yaml:2:15 sql_database: expected nothing, unless backend is sql, got string "limits"',
    ],
    inEditors: false,
  },
  {
    name: "a backend that is a list",
    text: lines("backend: [sql]", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: [
      'limits.yaml:1:10 backend: expected a kind of store such as memory or sql: a letter, then up to 63 letters, digits, ".", "_" or "-", got a list of 1',
    ],
    inEditors: true,
  },
  {
    name: "an unknown key of the file",
    text: lines("limit:", "  - { type: count, window: day, limit: 5 }"),
    messages: [
      "limits.yaml:1:1 limit: unknown key, did you mean limits?",
      "limits.yaml:1:1 limits: missing",
    ],
    inEditors: true,
  },
  {
    name: "an unknown key that is near none",
    text: lines("frobnicate: 1", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: [
      "limits.yaml:1:1 frobnicate: unknown key, expected one of enabled, name, scope, limits, thresholds, leaseMs, allow, deny, backend, sqlDatabase, tiers",
    ],
    inEditors: true,
  },
  {
    name: "no type",
    text: lines("limits:", "  - window: day", "    limit: 5"),
    messages: ["limits.yaml:2:5 limits[0].type: missing"],
    inEditors: true,
  },
  {
    name: "a type that is no word",
    text: lines("limits:", "  - type: 2nd", "    window: day", "    limit: 5"),
    messages: [
      'limits.yaml:2:11 limits[0].type: expected a unit such as count or token: a letter, then up to 63 letters, digits, ".", "_" or "-", got string "2nd"',
    ],
    inEditors: true,
  },
  {
    name: "no window",
    text: lines("limits:", "  - type: count", "    limit: 5"),
    messages: ["limits.yaml:2:5 limits[0].window: missing"],
    inEditors: true,
  },
  {
    name: "no limit",
    text: lines("limits:", "  - type: count", "    window: day"),
    messages: ["limits.yaml:2:5 limits[0].limit: missing"],
    inEditors: true,
  },
  {
    name: "nothing but a type",
    text: lines("limits:", "  - type: count"),
    messages: [
      "limits.yaml:2:5 limits[0]: expected either window and limit, or rate and capacity, got neither",
    ],
    inEditors: true,
  },
  {
    name: "a window and a bucket",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    rate: 2",
      "    capacity: 5",
    ),
    messages: [
      "limits.yaml:2:5 limits[0]: expected either window and limit, or rate and capacity, got both",
    ],
    inEditors: true,
  },
  {
    name: "an unknown window",
    text: lines("limits:", "  - type: count", "    window: fortnight", "    limit: 5"),
    messages: [
      'limits.yaml:3:13 limits[0].window: expected minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d", got string "fortnight"',
    ],
    inEditors: true,
  },
  {
    name: "a window without end",
    text: lines("limits:", "  - type: count", "    window: 3651d", "    limit: 5"),
    messages: [
      'limits.yaml:3:13 limits[0].window: expected minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d", got string "3651d"',
    ],
    inEditors: false,
  },
  {
    name: "a window of no time",
    text: lines("limits:", "  - type: count", "    window: 0s", "    limit: 5"),
    messages: [
      'limits.yaml:3:13 limits[0].window: expected minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d", got string "0s"',
    ],
    inEditors: false,
  },
  {
    name: "a window in seconds",
    text: lines("limits:", "  - type: count", "    window: 60", "    limit: 5"),
    messages: [
      'limits.yaml:3:13 limits[0].window: expected minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d", got number 60',
    ],
    inEditors: true,
  },
  {
    name: "a limit of nothing",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: 0"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number 0",
    ],
    inEditors: true,
  },
  {
    name: "a negative limit",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: -5"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number -5",
    ],
    inEditors: true,
  },
  {
    name: "a limit with a fraction",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: 5.5"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number 5.5",
    ],
    inEditors: true,
  },
  {
    name: "a limit with separators",
    text: lines("limits:", "  - type: token", "    window: day", "    limit: 50_000"),
    messages: [
      'limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got string "50_000"',
    ],
    inEditors: true,
  },
  {
    name: "a limit in quotes",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: '5'"),
    messages: [
      'limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got string "5"',
    ],
    inEditors: true,
  },
  {
    name: "a limit beyond what headers carry",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: 1000000000000000"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number 1000000000000000",
    ],
    inEditors: true,
  },
  {
    name: "a limit without end",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: .inf"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number Infinity",
    ],
    inEditors: true,
  },
  {
    name: "a limit that is no number",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: .nan"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number NaN",
    ],
    inEditors: true,
  },
  {
    name: "a limit that is left empty",
    text: lines("limits:", "  - type: count", "    window: day", "    limit:"),
    messages: [
      "limits.yaml:4:11 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got nothing",
    ],
    inEditors: true,
  },
  {
    name: "a limit that is a list",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: [5]"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got a list of 1",
    ],
    inEditors: true,
  },
  {
    name: "a misspelt field",
    text: lines("limits:", "  - type: count", "    windwo: day", "    limit: 5"),
    messages: [
      "limits.yaml:2:5 limits[0].window: missing",
      "limits.yaml:3:5 limits[0].windwo: unknown key, did you mean window?",
    ],
    inEditors: true,
  },
  {
    name: "a misspelt field in snake case",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    when_mising: shared",
    ),
    messages: ["limits.yaml:5:5 limits[0].when_mising: unknown key, did you mean when_missing?"],
    inEditors: true,
  },
  {
    name: "a field in both spellings",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    whenMissing: shared",
      "    when_missing: shared",
    ),
    messages: [
      "limits.yaml:6:5 limits[0].when_missing: already given as limits[0].whenMissing on line 5",
    ],
    inEditors: true,
  },
  {
    name: "an unknown algorithm",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    algorithm: gcra",
    ),
    messages: [
      'limits.yaml:5:16 limits[0].algorithm: expected one of "fixed", "sliding", "sliding-log", got string "gcra"',
    ],
    inEditors: true,
  },
  {
    name: "entries without a log",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    max_entries: 100",
    ),
    messages: [
      "limits.yaml:5:18 limits[0].max_entries: expected nothing, unless algorithm is sliding-log, got number 100",
    ],
    inEditors: true,
  },
  {
    name: "too many entries",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    algorithm: sliding-log",
      "    max_entries: 10001",
    ),
    messages: [
      "limits.yaml:6:18 limits[0].max_entries: expected charges to tell apart: an integer from 1 to 10000, got number 10001",
    ],
    inEditors: true,
  },
  {
    name: "a sliding calendar",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    algorithm: sliding",
      "    align: calendar",
    ),
    messages: [
      'limits.yaml:6:12 limits[0].align: expected nothing, unless algorithm is fixed, got string "calendar"',
    ],
    inEditors: true,
  },
  {
    name: "a calendar of minutes",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: minute",
      "    limit: 5",
      "    align: calendar",
    ),
    messages: [
      'limits.yaml:5:12 limits[0].align: expected nothing, unless window is hour or day or week or month, got string "calendar"',
    ],
    inEditors: true,
  },
  {
    name: "a zone without a calendar",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    time_zone: Europe/Berlin",
    ),
    messages: [
      'limits.yaml:5:16 limits[0].time_zone: expected nothing, unless align is calendar, got string "Europe/Berlin"',
    ],
    inEditors: true,
  },
  {
    name: "an unknown zone",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    align: calendar",
      "    time_zone: Europe/Atlantis",
    ),
    messages: [
      'limits.yaml:6:16 limits[0].time_zone: expected an IANA time zone such as Europe/Berlin, got string "Europe/Atlantis"',
    ],
    inEditors: false,
  },
  {
    name: "a week start of a day",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    align: calendar",
      "    week_start: sunday",
    ),
    messages: [
      'limits.yaml:6:17 limits[0].week_start: expected nothing, unless window is week, got string "sunday"',
    ],
    inEditors: true,
  },
  {
    name: "an unknown week start",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: week",
      "    limit: 5",
      "    align: calendar",
      "    week_start: Sun",
    ),
    messages: [
      'limits.yaml:6:17 limits[0].week_start: expected one of "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", got string "Sun"',
    ],
    inEditors: true,
  },
  {
    name: "a month start that no month has",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: month",
      "    limit: 5",
      "    align: calendar",
      "    month_start: 32",
    ),
    messages: [
      "limits.yaml:6:18 limits[0].month_start: expected a day of the month: an integer from 1 to 31, got number 32",
    ],
    inEditors: true,
  },
  {
    name: "a within that is no tenant",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    scope: user",
      "    within: team",
    ),
    messages: [
      'limits.yaml:6:13 limits[0].within: expected one of "tenant", null, got string "team"',
    ],
    inEditors: true,
  },
  {
    name: "a tenant within a tenant",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    scope: tenant",
      "    within: tenant",
    ),
    messages: [
      'limits.yaml:6:13 limits[0].within: expected null: scope tenant is never within a tenant, got string "tenant"',
    ],
    inEditors: false,
  },
  {
    name: "switches that are words",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    shadow: on",
      "    suspended: 1",
      "    advertise: 'true'",
    ),
    messages: [
      'limits.yaml:5:13 limits[0].shadow: expected true or false, got string "on"',
      "limits.yaml:6:16 limits[0].suspended: expected true or false, got number 1",
      'limits.yaml:7:16 limits[0].advertise: expected true or false, got string "true"',
    ],
    inEditors: true,
  },
  {
    name: "a name with a line break",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      '    name: "a\\nb"',
    ),
    messages: [
      'limits.yaml:5:11 limits[0].name: expected 1 to 1024 printable ASCII characters, got string "a\\nb"',
    ],
    inEditors: true,
  },
  {
    name: "choices of no such name",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    when_missing: ignore",
      "    debt: keep",
    ),
    messages: [
      'limits.yaml:5:19 limits[0].when_missing: expected one of "reject", "shared", got string "ignore"',
      'limits.yaml:6:11 limits[0].debt: expected one of "carry", "forgive", got string "keep"',
    ],
    inEditors: true,
  },
  {
    name: "a bucket without its size",
    text: lines("limits:", "  - type: count", "    rate: 2"),
    messages: ["limits.yaml:2:5 limits[0].capacity: missing"],
    inEditors: true,
  },
  {
    name: "a bucket with an algorithm",
    text: lines(
      "limits:",
      "  - type: count",
      "    rate: 2",
      "    capacity: 5",
      "    algorithm: sliding",
    ),
    messages: [
      'limits.yaml:5:16 limits[0].algorithm: expected nothing, since this limit is a bucket, got string "sliding"',
    ],
    inEditors: true,
  },
  {
    name: "a bucket that never refills",
    text: lines("limits:", "  - type: count", "    rate: 0", "    capacity: 5"),
    messages: [
      "limits.yaml:3:11 limits[0].rate: expected units per second: above 0, up to 999999999, with at most 6 decimals, got number 0",
    ],
    inEditors: true,
  },
  {
    name: "a rate that is too fine",
    text: lines("limits:", "  - type: count", "    rate: 0.0000001", "    capacity: 5"),
    messages: [
      "limits.yaml:3:11 limits[0].rate: expected units per second: above 0, up to 999999999, with at most 6 decimals, got number 1e-7",
    ],
    inEditors: false,
  },
  {
    name: "a bucket too large for its rate",
    text: lines("limits:", "  - type: count", "    rate: 0.000001", "    capacity: 10000000"),
    messages: [
      "limits.yaml:4:15 limits[0].capacity: expected at most 9007199 at this rate, or a rate with fewer decimals, got number 10000000",
    ],
    inEditors: false,
  },
  {
    name: "a sliding window too large to be exact",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: 3650d",
      "    algorithm: sliding",
      "    limit: 999999999999999",
    ),
    messages: [
      "limits.yaml:5:12 limits[0].limit: expected at most 428424622 per sliding 3650d, got number 999999999999999",
    ],
    inEditors: false,
  },
  {
    name: "slots with a window",
    text: lines("limits:", "  - type: concurrency", "    window: minute", "    limit: 5"),
    messages: [
      'limits.yaml:3:13 limits[0].window: expected nothing, since this limit is concurrency, got string "minute"',
    ],
    inEditors: true,
  },
  {
    name: "too many slots",
    text: lines("limits:", "  - type: concurrency", "    limit: 10001"),
    messages: [
      "limits.yaml:3:12 limits[0].limit: expected slots: an integer from 1 to 10000, got number 10001",
    ],
    inEditors: true,
  },
  {
    name: "two limits that would share their usage",
    text: lines(
      "limits:",
      "  - { type: count, window: day, limit: 5 }",
      "  - { type: count, window: 24h, limit: 6 }",
    ),
    messages: [
      "limits.yaml:3:5 limits[1]: would share its usage with limits[0] on line 2; give one of them a name",
    ],
    inEditors: false,
  },
  {
    name: "two limits of one name",
    text: lines(
      "limits:",
      "  - { type: count, window: day, limit: 5, name: daily }",
      "  - { type: token, window: day, limit: 6, name: daily }",
    ),
    messages: [
      'limits.yaml:3:49 limits[1].name: expected a name of its own, unlike limits[0] on line 2, got string "daily"',
    ],
    inEditors: false,
  },
  {
    name: "a name that another limit derives",
    text: lines(
      "limits:",
      "  - { type: count, window: day, limit: 5, name: token-per-day-caller }",
      "  - { type: token, window: day, limit: 6 }",
    ),
    messages: [
      'limits.yaml:3:5 limits[1]: expected a name of its own, unlike limits[0] on line 2, got string "token-per-day-caller"',
    ],
    inEditors: false,
  },
  {
    name: "tiers that are a list",
    text: "tiers: [free]\n",
    messages: ["limits.yaml:1:8 tiers: expected a map of limits by tier, got a list of 1"],
    inEditors: true,
  },
  {
    name: "a tier that is a number",
    text: lines("tiers:", "  free: 5"),
    messages: [
      "limits.yaml:2:9 tiers.free: expected a list of limits, or a map of limits and overrides, got number 5",
    ],
    inEditors: true,
  },
  {
    name: "a tier with a name that is no word",
    text: lines("tiers:", "  free tier:", "    - { type: count, window: day, limit: 5 }"),
    messages: [
      'limits.yaml:2:3 tiers["free tier"]: expected a tier\'s name: a letter, then up to 63 letters, digits, ".", "_" or "-", got string "free tier"',
    ],
    inEditors: true,
  },
  {
    name: "a tier with a broken limit",
    text: lines("tiers:", "  free:", "    - { type: count, window: dya, limit: 5 }"),
    messages: [
      'limits.yaml:3:30 tiers.free[0].window: expected minute, hour, day, week, month or a duration such as "10s" or "5h", up to "3650d", got string "dya"',
    ],
    inEditors: true,
  },
  {
    name: "overrides of unknown limits",
    text: lines(
      "limits:",
      "  - type: token",
      "    window: day",
      "    limit: 5",
      "tiers:",
      "  pro:",
      "    overrides:",
      "      limits:",
      "        token-per-dya-caller: { limit: 50 }",
    ),
    messages: [
      "limits.yaml:9:9 tiers.pro.overrides.limits.token-per-dya-caller: unknown limit, did you mean token-per-day-caller?",
    ],
    inEditors: false,
  },
  {
    name: "overrides with the wrong numbers",
    text: lines(
      "limits:",
      "  - type: token",
      "    window: day",
      "    limit: 5",
      "tiers:",
      "  pro:",
      "    overrides:",
      "      limits:",
      "        token-per-day-caller: { rate: 50 }",
    ),
    messages: [
      "limits.yaml:9:33 tiers.pro.overrides.limits.token-per-day-caller.rate: unknown key, expected one of limit, skip",
    ],
    inEditors: false,
  },
  {
    name: "an override that says nothing",
    text: lines(
      "limits:",
      "  - type: token",
      "    window: day",
      "    limit: 5",
      "tiers:",
      "  pro:",
      "    overrides:",
      "      limits:",
      "        token-per-day-caller: {}",
    ),
    messages: [
      "limits.yaml:9:31 tiers.pro.overrides.limits.token-per-day-caller: expected a map of limit or skip, got an empty one",
    ],
    inEditors: true,
  },
  {
    name: "an added limit without a name",
    text: lines(
      "limits:",
      "  - type: token",
      "    window: day",
      "    limit: 5",
      "tiers:",
      "  pro:",
      "    overrides:",
      "      add:",
      "        - { type: count, window: day, limit: 5 }",
    ),
    messages: [
      "limits.yaml:9:11 tiers.pro.overrides.add[0].name: missing, and needed by what is added",
    ],
    inEditors: false,
  },
  {
    name: "a key given twice",
    text: lines(
      "enabled: true",
      "enabled: false",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: ["limits.yaml:2:1 enabled: already given on line 1"],
    inEditors: true,
  },
  {
    name: "a field given twice",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: 5", "    limit: 50"),
    messages: ["limits.yaml:5:5 limits[0].limit: already given on line 4"],
    inEditors: true,
  },
  {
    name: "a prototype",
    text: lines(
      "__proto__:",
      "  enabled: false",
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
    ),
    messages: ["limits.yaml:1:1 has a key that is no name; a number needs quotes"],
    inEditors: true,
  },
  {
    name: "a key that is a number",
    text: lines("5: five", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: ["limits.yaml:1:1 has a key that is no name; a number needs quotes"],
    inEditors: true,
  },
  {
    name: "indentation by tab",
    text: lines("limits:", "\t- type: count"),
    messages: ["limits.yaml:2:1 Tabs are not allowed as indentation"],
    inEditors: true,
  },
  {
    name: "a mapping within a line",
    text: "limits: type: count\n",
    messages: ["limits.yaml:1:9 Nested mappings are not allowed in compact mappings"],
    inEditors: true,
  },
  {
    name: "an open quote",
    text: lines('name: "main', "limits: []"),
    messages: ['limits.yaml:3:1 Missing closing "quote'],
    inEditors: true,
  },
  {
    name: "an open bracket",
    text: '{ "limits": [ { "type": "count" }\n',
    messages: [
      "limits.yaml:2:1 Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    inEditors: true,
  },
  {
    name: "two documents",
    text: lines("enabled: false", "---", "enabled: true"),
    messages: ["limits.yaml:2:1 a second document begins here"],
    inEditors: true,
  },
  {
    name: "a tag",
    text: "limits: !!js/function 'return 1'\n",
    messages: ["limits.yaml:1:9 Unresolved tag: tag:yaml.org,2002:js/function"],
    inEditors: true,
  },
  {
    name: "an unknown anchor",
    text: "limits: *standard\n",
    messages: ["limits.yaml:1:9 limits: no anchor &standard stands before it"],
    inEditors: true,
  },
  {
    name: "an anchor within itself",
    text: "limits: &all [*all]\n",
    messages: ["limits.yaml:1:14 expected at most 32 levels, got more"],
    inEditors: true,
  },
  {
    name: "an unset variable",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: ${NOWHERE}"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: the environment has no NOWHERE, and there is no default",
    ],
    inEditors: false,
  },
  {
    name: "a variable that is no name",
    text: lines("limits:", "  - type: count", "    window: ${the window}", "    limit: 5"),
    messages: [
      "limits.yaml:3:13 limits[0].window: expected ${NAME} or ${NAME:-default}, or $$ for a $, got ${the window}",
    ],
    inEditors: true,
  },
  {
    name: "a variable without an end",
    text: lines(
      "limits:",
      "  - type: count",
      "    window: day",
      "    limit: 5",
      "    name: 'daily ${'",
    ),
    messages: [
      "limits.yaml:5:11 limits[0].name: expected ${NAME} or ${NAME:-default}, or $$ for a $, got ${",
    ],
    inEditors: false,
  },
  {
    name: "a variable that is no number",
    text: lines("limits:", "  - type: count", "    window: day", "    limit: ${WORD}"),
    messages: [
      "limits.yaml:4:12 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got a string from ${WORD}",
    ],
    inEditors: false,
  },
  {
    name: "a secret in the wrong place",
    text: lines("name: ${SECRET}", "limits:", "  - type: count", "    window: day", "    limit: 5"),
    messages: [
      'limits.yaml:1:7 name: expected a limiter\'s name: a letter, then up to 63 letters, digits, ".", "_" or "-", got a string from ${SECRET}',
    ],
    inEditors: false,
  },
  {
    name: "several mistakes at once",
    text: lines(
      "enabled: maybe",
      "limits:",
      "  - { type: count, window: hour, limit: -1 }",
      "  - { typ: token, window: day, limit: 5 }",
      "  - { type: token, window: '${UNSET}', limit: 5 }",
    ),
    messages: [
      'limits.yaml:1:10 enabled: expected true or false, got string "maybe"',
      "limits.yaml:3:41 limits[0].limit: expected units per window: an integer from 1 to 999999999999999, got number -1",
      "limits.yaml:4:5 limits[1].type: missing",
      "limits.yaml:4:7 limits[1].typ: unknown key, did you mean type?",
      "limits.yaml:5:28 limits[2].window: the environment has no UNSET, and there is no default",
    ],
    inEditors: true,
  },
];
