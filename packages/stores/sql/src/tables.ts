/** Sees to it that the tables are there before they are used. */
export class Tables {
  readonly #migrate: () => Promise<void>;
  /** What is done before the first call. */
  readonly #prepare: () => Promise<void>;
  #ready: Promise<void> | undefined;

  /**
   * @param migratesItself whether the tables are made here; else it is only checked which they are
   * @param check rejects when the tables are of another version
   */
  constructor(migratesItself: boolean, migrate: () => Promise<void>, check: () => Promise<void>) {
    this.#migrate = migrate;
    this.#prepare = migratesItself ? migrate : check;
  }

  readonly migrate = async (): Promise<void> => this.#get(this.#migrate);

  readonly ready = async (): Promise<void> => this.#ready ?? this.#get(this.#prepare);

  async #get(prepare: () => Promise<void>): Promise<void> {
    const preparing = prepare();
    this.#ready = preparing;
    // What failed is tried again by the next call.
    preparing.catch(() => {
      if (this.#ready === preparing) this.#ready = undefined;
    });
    return preparing;
  }
}
