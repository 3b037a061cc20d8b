import { PerSubject } from "./per-subject.ts";

/** Options of {@link Conversations}. */
export interface ConversationsOptions {
  /** Subjects remembered. @default 1000 */
  readonly maxSubjects?: number;
  /** Conversations remembered per subject. @default 50 */
  readonly maxConversations?: number;
}

/**
 * What conversations that the provider keeps last read. The next call sends only the new turn, yet
 * the model reads all the earlier ones again: what it read last is the least it will read.
 */
export class Conversations {
  readonly #inputs: PerSubject<number>;

  constructor({ maxSubjects = 1000, maxConversations = 50 }: ConversationsOptions = {}) {
    this.#inputs = new PerSubject({ maxSubjects, maxNames: maxConversations });
  }

  /** Input tokens of the conversation's last settled call: a floor of the next one's estimate. */
  inputOf(subject: string, conversation: string): number | undefined {
    return this.#inputs.get(subject, conversation);
  }

  /**
   * Remembers a settled call.
   * @param conversation the id by which the next call will name it: of the conversation, or of the response
   */
  learn(subject: string, conversation: string, settledInput: number): void {
    if (!(settledInput >= 0 && settledInput <= Number.MAX_SAFE_INTEGER)) return;
    this.#inputs.set(subject, conversation, settledInput);
  }
}
