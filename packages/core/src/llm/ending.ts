import { isRateLimitError } from "../errors.ts";
import { memberOf } from "./member.ts";

/** How an exchange ended. */
export interface Ending {
  /** Whether anything that could call a model has run. */
  readonly reached: boolean;
  /** Whether the answer was sent whole; false after an abort, a reset or at shutdown. */
  readonly finished: boolean;
  /** The HTTP status; 200 where there is none. */
  readonly status: number;
}

/** The caller let go of the answer before its end. */
export const abort: Ending = { reached: true, finished: false, status: 200 };

/** The answer came to its end. */
export const finish: Ending = { reached: true, finished: true, status: 200 };

/** A call that threw, with the status that the provider gave. */
const failure = (status: number): Ending => ({ reached: true, finished: true, status });

function statusOf(error: unknown): number | undefined {
  const places = [
    // OpenAI, Anthropic and Gemini; AI SDK; Ollama; Bedrock; clients that keep the response.
    memberOf(error, "status"),
    memberOf(error, "statusCode"),
    memberOf(error, "status_code"),
    memberOf(memberOf(error, "$metadata"), "httpStatusCode"),
    memberOf(memberOf(error, "response"), "status"),
  ];
  return places.find((status): status is number => typeof status === "number" && status >= 100);
}

const says = (word: unknown, pattern: RegExp): boolean =>
  typeof word === "string" && pattern.test(word);

// Names of classes do not survive every bundler, but the messages of the official clients do.
const isAbort = (error: unknown): boolean =>
  says(memberOf(error, "name"), /abort/i) ||
  says(memberOf(memberOf(error, "constructor"), "name"), /abort/i) ||
  says(memberOf(error, "message"), /^request was aborted/i);

/** Deeper than any wrapping; causes can be a ring. */
const MAX_CAUSES = 8;

/**
 * How a call ended that threw. The errors of SDKs tell a status, or that the call was aborted, at
 * times in what they wrap; one that tells neither failed on its way.
 */
export function endingOf(error: unknown): Ending {
  // A limiter within the call turned it away, as a provider would have with this status.
  if (isRateLimitError(error)) return failure(429);
  let link = error;
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (isAbort(link)) return abort;
    const status = statusOf(link);
    if (status !== undefined) return failure(status);
    // The last of several tries, or what an error was made of.
    link = memberOf(link, "lastError") ?? memberOf(link, "cause");
  }
  return failure(500);
}
