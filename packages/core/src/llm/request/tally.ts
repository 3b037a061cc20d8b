import type { MediaSource } from "../media/bytes.ts";
import { defaultMedia, type MediaConstants } from "../media/constants.ts";
import { type ImageRule, imageRuleOf } from "../media/image-rules.ts";
import { type ImagePart, imageTokens } from "../media/image-tokens.ts";
import { estimateText } from "../text/estimate-text.ts";
import { countExactly, type Tokenizer } from "../text/exact.ts";
import { familyOf } from "../text/families.ts";
import type { Provider } from "../tokens.ts";
import { compactJson, type NodeBudget } from "./compact-json.ts";

/** JSON values looked at in one request. More than any honest one has, and some 20 ms of work. */
export const NODE_BUDGET = 100_000;

/** Role, separators and end of a message; measured for the models that use o200k. */
const PER_MESSAGE = 4;

/** The same for the models of the cl100k chat format. */
const PER_MESSAGE_TURBO = 5;

/** What opens the answer. */
const PER_CONVERSATION = 3;

/** What the numbers depend on besides the body. */
export interface TallySettings {
  readonly model: string | undefined;
  readonly provider: Provider;
  readonly multipliers: ReadonlyMap<string, number> | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly media: MediaConstants | undefined;
}

/** Adds up what one request reads. Readers tell it what they find, and know nothing of numbers. */
export interface Tally {
  /** Text that the model sees; anything else than a string counts nothing. */
  readonly text: (value: unknown) => void;
  /** A value that the model sees as JSON. */
  readonly json: (value: unknown) => void;
  /** Tokens that were counted by whoever made them. */
  readonly tokens: (count: number) => void;
  readonly image: (part: ImagePart) => void;
  /** The detail of images that state none. */
  readonly imageDetail: (detail: string | undefined) => void;
  readonly media: (kind: "audio" | "video" | "document") => void;
  /** Base64 of what only the vendor can read: its bytes at 4 to a token, and no sample to learn from. */
  readonly sealed: (data: unknown) => void;
  /** The framing of one message. */
  readonly message: () => void;
  /** The framing of a conversation. */
  readonly conversation: () => void;
  /** A tool definition. */
  readonly tool: (definition: unknown) => void;
  /** What a format adds to a request, in tokens. */
  readonly framing: (count: number) => void;
  /** Input that is not in the body. */
  readonly hidden: () => void;
  /** The most one generated image may cost. */
  readonly generatedImage: number;
  /** Shared by all that walks this request. */
  readonly budget: NodeBudget;
  readonly result: () => TallyResult;
}

interface TallyResult {
  /** Not rounded. */
  readonly tokens: number;
  /** Whether it is text alone, so that the true count says something about the text estimate. */
  readonly textOnly: boolean;
  /** Whether nothing at all was found. */
  readonly empty: boolean;
  /** Whether the body has more values than were looked at. */
  readonly exhausted: boolean;
}

/** An empty tally for one request. */
export function newTally(settings: TallySettings): Tally {
  const { model, multipliers, tokenizer, media = {} } = settings;
  const { encoding, multiplier } = familyOf(model, multipliers);
  const perMessage = /^(?:.*\/)?gpt-3\.?5/.test(model ?? "") ? PER_MESSAGE_TURBO : PER_MESSAGE;
  const budget: NodeBudget = { left: NODE_BUDGET };
  let texts = 0;
  let others = 0;
  let framing = 0;
  let hidden = false;
  let rule: ImageRule | undefined;
  let defaultDetail: string | undefined;

  const estimate = (value: string): number => estimateText(value, encoding) * multiplier;
  const text = (value: unknown): void => {
    if (typeof value !== "string" || value === "") return;
    texts += tokenizer === undefined ? estimate(value) : countExactly(value, tokenizer, estimate);
  };
  const tokens = (count: number): void => {
    others += count;
  };
  const json = (value: unknown): void => {
    if (value !== undefined && value !== null) text(compactJson(value, budget));
  };

  return {
    text,
    json,
    tokens,
    budget,
    generatedImage: media.generatedImage ?? defaultMedia.generatedImage,
    image({ source, detail = defaultDetail }) {
      rule ??= imageRuleOf(model, settings.provider);
      tokens(imageTokens({ source, detail }, rule, media));
    },
    imageDetail(detail) {
      defaultDetail = detail;
    },
    media(kind) {
      tokens(media[kind] ?? defaultMedia[kind]);
    },
    sealed(data) {
      hidden = true;
      if (typeof data === "string") tokens((data.length * 3) / 16);
    },
    message() {
      framing += perMessage;
    },
    conversation() {
      framing += PER_CONVERSATION;
    },
    tool(definition) {
      json(definition);
      framing += media.perTool ?? defaultMedia.perTool;
    },
    framing(count) {
      framing += count;
    },
    hidden() {
      hidden = true;
    },
    result: () => ({
      tokens: texts + others + framing,
      textOnly: texts > 0 && others === 0 && !hidden && budget.left > 0,
      empty: texts + others === 0,
      exhausted: budget.left <= 0,
    }),
  };
}

/** Bytes or base64 of a media field, whichever it is. */
export const sourceOf = (value: unknown): MediaSource | undefined =>
  typeof value === "string" || value instanceof Uint8Array ? value : undefined;
