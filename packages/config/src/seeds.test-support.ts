/** The configurations that the documents this library follows give as examples, word for word. */
export const conservativeDaily = `rate_limiting:
  enabled: true
  limits:
    - type: token
      window: day
      limit: 50000
    - type: count
      window: day
      limit: 1000
`;

export const multiLayer = `rate_limiting:
  enabled: true
  limits:
    # Burst protection
    - type: count
      window: minute
      limit: 60

    # Hourly limit
    - type: token
      window: hour
      limit: 10000

    # Daily quota
    - type: token
      window: day
      limit: 100000

    # Weekly quota
    - type: token
      window: week
      limit: 500000
`;

export const highThroughput = `rate_limiting:
  enabled: true
  limits:
    - type: count
      window: minute
      limit: 1000
    - type: token
      window: hour
      limit: 500000
`;

/** Tiers of growing allowance, the last one on the limits of the file. */
export const tierPresets = `rate_limiting:
  scope: user
  limits:
    - { type: count, window: minute, limit: 60 }
    - { type: token, window: day, limit: 100000 }
  tiers:
    free:
      - { type: count, window: minute, limit: 10 }
      - { type: token, window: day, limit: 10000 }
    pro:
      overrides:
        limits:
          token-per-day-user: { limit: 1000000 }
          count-per-minute-user: { skip: true }
        add:
          - { name: monthly, type: token, window: month, limit: 20000000 }
    standard: {}
`;
